// Where the boxes and bands of a flow stand: columns are steps, heights are journeys.

import type { Flow, FlowEdge, FlowNode } from './types';

export interface Box {
  node: FlowNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Band {
  edge: FlowEdge;
  path: string;
  thickness: number;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Box[];
  bands: Band[];
}

const BOX_WIDTH = 12;
const GAP = 26;
/** Few columns use the width there is; many are as near to each other as their names let them be. */
const COLUMN = { narrowest: 190, widest: 300 };
const TALLEST = 300;
/** A box that can still be seen and pointed at. */
const BOX_HEIGHT_MIN = 3;

export function layout(flow: Pick<Flow, 'nodes' | 'edges' | 'n_journeys'>, wide = 0): Layout {
  const columns = [...new Set(flow.nodes.map((node) => node.column))].sort((a, b) => a - b);
  const apart = Math.min(COLUMN.widest, Math.max(COLUMN.narrowest, wide / Math.max(1, columns.length)));
  const unit = flow.n_journeys > 0 ? TALLEST / flow.n_journeys : 0;
  const boxes: Box[] = [];
  let height = 0;
  for (const [position, column] of columns.entries()) {
    let y = 16;
    const own = flow.nodes.filter((node) => node.column === column);
    // The largest first; what ends or is rare stands below what goes on.
    own.sort((a, b) => rank(a) - rank(b) || b.n_journeys - a.n_journeys || (a.key < b.key ? -1 : 1));
    for (const node of own) {
      const box = { node, x: position * apart, y, width: BOX_WIDTH, height: Math.max(BOX_HEIGHT_MIN, node.n_journeys * unit) };
      boxes.push(box);
      y += box.height + GAP;
    }
    height = Math.max(height, y);
  }
  const of = new Map(boxes.map((box) => [box.node.key, box]));
  const used = new Map<string, { out: number; in: number }>();
  const taken = (key: string) => {
    const known = used.get(key) ?? { out: 0, in: 0 };
    used.set(key, known);
    return known;
  };
  const ordered = flow.edges
    .map((edge) => ({ edge, from: of.get(edge.from), to: of.get(edge.to) }))
    .filter((way): way is { edge: FlowEdge; from: Box; to: Box } => way.from !== undefined && way.to !== undefined)
    .sort((a, b) => a.from.y - b.from.y || a.to.y - b.to.y);
  const bands = ordered.map(({ edge, from, to }) => {
    const thickness = Math.max(1, edge.n_journeys * unit);
    const [start, end] = [taken(edge.from), taken(edge.to)];
    const [y0, y1] = [from.y + start.out + thickness / 2, to.y + end.in + thickness / 2];
    start.out += thickness;
    end.in += thickness;
    const [x0, x1] = [from.x + from.width, to.x];
    const middle = (x0 + x1) / 2;
    const at = (value: number) => Number(value.toFixed(1));
    return { edge, thickness, path: `M${at(x0)} ${at(y0)}C${at(middle)} ${at(y0)} ${at(middle)} ${at(y1)} ${at(x1)} ${at(y1)}` };
  });
  return { width: Math.max(1, columns.length) * apart, height, boxes, bands };
}

/** What is no touchpoint stands last. */
function rank(node: FlowNode): number {
  return node.name === '(end)' ? 2 : node.name.startsWith('(') ? 1 : 0;
}
