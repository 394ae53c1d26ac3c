// Every call type of the Node clients, with one URL changed: node.js FOLDER URL WRITE_KEY, the
// folder being that of the installed packages.

const { createRequire } = require("node:module");
const { join } = require("node:path");

const [folder, url, key] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));

function callAll(client, userId) {
  client.identify({
    userId,
    anonymousId: `cookie-${userId}`,
    traits: { plan: "pro", seats: 3, email: `${userId}@example.com` },
  });
  client.track({ userId, event: "Order Completed", properties: { total: 12.5, order_id: `o-${userId}` } });
  client.page({ userId, category: "Docs", name: "Home", properties: { path: "/" } });
  client.screen({ userId, name: "Main", properties: { tab: 2 } });
  client.group({ userId, groupId: "acme", traits: { size: 3 } });
  client.alias({ userId, previousId: `before-${userId}` });
}

async function main() {
  const { Analytics } = load("@segment/analytics-node");
  const segment = new Analytics({ writeKey: key, host: url });
  segment.on("error", (error) => {
    console.error(error);
    process.exitCode = 1;
  });
  callAll(segment, "segment-node");
  await segment.closeAndFlush();

  const Rudder = load("@rudderstack/rudder-sdk-node");
  const rudder = new Rudder(key, { dataPlaneUrl: url });
  callAll(rudder, "rudder-node");
  await new Promise((done, failed) => rudder.flush((error) => (error ? failed(error) : done())));
  // It keeps a timer.
  process.exit();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
