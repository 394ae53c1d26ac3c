"""Every call type of the Python clients, with one URL changed: python.py URL WRITE_KEY."""

import sys

import rudderstack.analytics as rudder
import segment.analytics as segment

url, key = sys.argv[1:]
errors = []


def failed(error, items):
    errors.append(f"{error}: {items}")


def call_all(client, user):
    client.identify(user, {"plan": "pro", "seats": 3, "email": f"{user}@example.com"}, anonymous_id=f"cookie-{user}")
    client.track(user, "Order Completed", {"total": 12.5, "order_id": f"o-{user}"})
    client.page(user, "Docs", "Home", {"path": "/"})
    client.screen(user, "App", "Main", {"tab": 2})
    client.group(user, "acme", {"size": 3})
    client.alias(f"before-{user}", user)
    client.flush()


segment.write_key, segment.host, segment.on_error = key, url, failed
segment.gzip = False
call_all(segment, "segment-python")
segment.shutdown()
packed = segment.Client(key, host=url, on_error=failed, gzip=True)
call_all(packed, "segment-python-gzip")
packed.shutdown()
rudder.write_key, rudder.dataPlaneUrl, rudder.on_error = key, url, failed
call_all(rudder, "rudder-python")

for error in errors:
    print(error, file=sys.stderr)
sys.exit(len(errors))
