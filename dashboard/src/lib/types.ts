// The documents of `throng … --format json` as far as the page reads them; those of the server are made of its own
// description (`npm run types`).

import type { components } from './openapi';

type Schemas = components['schemas'];

export type Person = Schemas['Person'] & { role: 'viewer' | 'analyst' | 'admin' };
export type Shift = Schemas['ShiftBody'];

export interface Evidence {
  persona_value: number;
  rest_value: number;
  n_persona: number;
  n_rest: number;
  effect: string;
  effect_value: number;
  effect_low: number;
  effect_high: number;
  effect_word: string;
  contrast: string;
  interval_low: number;
  interval_high: number;
  query: string;
}

export interface Claim {
  id: string;
  kind: string;
  statement: string;
  measure: string;
  subject: string | null;
  value: string | null;
  against: string | null;
  evidence: Evidence;
}

export interface Persona {
  id: string;
  name: string;
  summary: string;
  n_customers: number;
  share: number;
  revenue: { minor: number; currency: string; share: number } | null;
  /** Where they cost more than they bring: why. */
  negative: string | null;
  stability: number;
  confidence: 'very-stable' | 'stable' | 'doubtful';
  claims: Claim[];
  exemplars: string[];
  sub_kinds: Persona[];
}

export interface Book {
  as_of: string;
  seed: number;
  n_customers: number;
  outcome: 'found' | 'refused';
  refusal: { reason: string; text: string } | null;
  n_unassigned: number | null;
  separation: string | null;
  foretold: string | null;
  method: string;
  personas: Persona[];
  candidates: {
    n_personas: number;
    silhouette: number;
    silhouette_reference: number | null;
    stability_min: number;
    adjusted_rand: number;
    share_min: number;
    chosen: boolean;
  }[];
  features: { name: string; transform: string | null; vote: number; left_out: string | null }[];
}

/** Two personas, or one on two days, and everything that was measured of both. */
export interface Compared {
  groups: [ComparedGroup, ComparedGroup];
  n_both: number;
  rows: {
    what: string;
    measure: string;
    subject: string | null;
    value: string | null;
    texts: [string, string];
    n_customers: [number, number];
    effect: string;
    effect_value: number;
    effect_low: number;
    effect_high: number;
    effect_word: string;
    p_value: number;
    apart: boolean;
    query: string | null;
  }[];
}

interface ComparedGroup {
  persona: string;
  name: string;
  as_of: string;
  n_customers: number;
  n_drawn: number | null;
}

/** What the events are about, as journeys name it, the most frequent first. */
export interface Touchpoints {
  n_touchpoints: number;
  n_events: number;
  n_customers: number;
  touchpoints: { key: string; name: string; n_events: number; share: number; n_customers: number; share_of_customers: number }[];
}

/** A feature of the catalogue, and of how many customers it is known. */
export interface Described {
  name: string;
  category: string;
  description: string;
  n_known: number | null;
}

export interface HistoryEntry {
  version: number;
  as_of: string;
  n_customers: number;
  summary: string;
  personas: { id: string; name: string; n_customers: number; share: number; stability: number; stayed: number | null }[];
  events: { kind: string; sentence: string }[];
  stayed: number | null;
  drift: { level: 'steady' | 'watch' | 'act'; n_features: number; n_watch: number; n_act: number; mix_index: number | null; most: [string, number][] } | null;
}

export interface Profile {
  profile_id: string;
  identities: { kind: string; value: string }[];
  traits: { name: string; value: string; stated_at: string }[];
  activity: {
    n_events: number;
    first_seen_at: string;
    last_seen_at: string;
    revenue_minor: number | null;
    currency: string | null;
  } | null;
  membership: { personas: { id: string; name: string; share: number }[]; unassigned: number } | null;
  features: Record<string, number | string | null>;
  membership_history: MembershipHistory | null;
  recent_events: Record<string, unknown>[];
}

export interface Finding {
  code: string;
  severity: 'critical' | 'warning' | 'note';
  title: string;
  count: number;
  whole: number;
  share: number;
  of: string;
  examples: string[];
  why: string;
  to_do: string;
  query: string;
}

export interface Audit {
  verdict: string;
  n_events: number;
  n_customers: number;
  n_sources: number;
  n_quarantined: number;
  first_day: string;
  last_day: string;
  findings: Finding[];
  coverage: { category: string; n_customers: number; share: number; note: string }[];
  sufficiency: { question: string; answer: 'enough' | 'tight' | 'lacking'; text: string }[];
}

export interface Quarantine {
  n_rows: number;
  by_reason: Record<string, number>;
  rows: { source: string; path: string; row: number; reason: string; detail: string; raw: string }[];
}

export interface Model {
  version: string;
  role: 'live' | 'shadow' | null;
  made_at: string | null;
  as_of: string;
  n_customers: number;
  method: string;
  personas: { id: string; name: string; n_customers: number }[];
}

export interface Bin {
  low: number;
  high: number;
  said: number;
  observed: [number, number, number];
  n_customers: number;
}

export interface Diagram {
  n_customers: number;
  expected_error: number;
  accuracy: [number, number, number];
  bins: Bin[];
}

export interface Reliability {
  today: Diagram | null;
  complete: Diagram | null;
  early_mixture: Diagram | null;
  early_hybrid: Diagram | null;
  partial_by: string;
  verdict: string;
}

export interface FlowNode {
  key: string;
  column: number;
  name: string;
  n_journeys: number;
  share: number;
  n_customers: number;
}

export interface FlowEdge {
  key: string;
  from: string;
  to: string;
  n_journeys: number;
  share: number;
  n_customers: number;
}

export interface Flow {
  unit: string;
  anchor: string | null;
  n_journeys: number;
  n_without: number;
  nodes: FlowNode[];
  edges: FlowEdge[];
}

export interface MapAxis {
  share: number;
  low: number;
  high: number;
  along: string;
  features: { feature: string; level: string | null; correlation: number }[];
}

/** A column, a row, a persona and how many of its customers are there. */
export type Square = [number, number, string | null, number];

export interface CustomerMap {
  as_of: string;
  n_customers: number;
  n_squares: number;
  axes: [MapAxis, MapAxis];
  squares: Square[];
  middles: { persona: string | null; n_customers: number; x: number; y: number }[];
}

export interface MapPart {
  n_customers: number;
  personas: { persona: string | null; n_customers: number }[];
  customers: string[];
}

/** Events by weekday, Monday first, and hour. */
export type Week = number[][];

export interface Activity {
  time_zone: string;
  everybody: Week;
  personas: { id: string; week: Week }[];
}

export interface Note {
  persona: string;
  text: string;
  source: string | null;
  noted_at: string;
}

export interface MembershipHistory {
  model: string;
  personas: { id: string; name: string }[];
  days: { day: string; shares: number[]; unassigned: number }[];
}

export interface Link {
  from: string;
  to: string;
  kind: string;
  occurred_at: string | null;
  event: string | null;
  event_id: string | null;
  source: string | null;
}

export interface Identities {
  profile_id: string;
  identities: { kind: string; value: string; link: Link | null }[];
}

/** Two groups of customers beside each other, by the share of them that each row holds. */
export interface Beside {
  key: string;
  groups: { n_customers: number; of: number; share: number }[];
  difference: { estimate: number; low: number; high: number; q_value: number; significant: boolean } | null;
}

/** What is being done for an administrator, or was done last. */
export interface Work {
  task: 'import' | 'discover';
  about: string | null;
  state: 'sending' | 'running' | 'done' | 'failed';
  steps: string[];
  share: number | null;
  message: string | null;
  result: Imported | Book | null;
}

export interface Imported {
  imports: {
    form: string;
    source: string;
    rows_read: number;
    rows_repeated: number;
    rows_quarantined: number;
    events_new: number;
    mapping: { proposed: boolean; unsure: string[] } | null;
  }[];
}
