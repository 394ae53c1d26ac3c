import { expect, test } from 'vitest';

import { layout } from './flow';

const node = (key: string, column: number, n: number) => ({
  key,
  column,
  name: key.split(': ')[1] ?? key,
  n_journeys: n,
  share: n / 100,
  n_customers: n,
});
const edge = (from: string, to: string, n: number) => ({
  key: `${from} → ${to}`,
  from,
  to,
  n_journeys: n,
  share: n / 100,
  n_customers: n,
});

const flow = {
  n_journeys: 100,
  nodes: [node('0: A', 0, 100), node('1: (end)', 1, 60), node('1: B', 1, 30), node('1: C', 1, 10)],
  edges: [edge('0: A', '1: C', 10), edge('0: A', '1: (end)', 60), edge('0: A', '1: B', 30)],
};

test('heights are journeys and nothing overlaps', () => {
  const { boxes, height } = layout(flow);
  const by = new Map(boxes.map((box) => [box.node.key, box]));
  expect(by.get('1: B')!.height / by.get('1: C')!.height).toBeCloseTo(3);
  for (const a of boxes) {
    expect(a.y + a.height).toBeLessThanOrEqual(height);
    for (const b of boxes) {
      if (a !== b && a.x === b.x) expect(a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(true);
    }
  }
});

test('leaving stands below what goes on, however many leave', () => {
  const second = layout(flow).boxes.filter((box) => box.node.column === 1);
  expect(second.map((box) => box.node.name)).toEqual(['B', 'C', '(end)']);
});

test('bands leave a box in the order in which they arrive, and fill it', () => {
  const { bands, boxes } = layout(flow);
  expect(bands.map((band) => band.edge.to)).toEqual(['1: B', '1: C', '1: (end)']);
  expect(bands.reduce((sum, band) => sum + band.thickness, 0)).toBeCloseTo(boxes[0]!.height);
});

test('nothing is drawn of nothing', () => {
  expect(layout({ n_journeys: 0, nodes: [], edges: [] })).toMatchObject({ boxes: [], bands: [], height: 0 });
});
