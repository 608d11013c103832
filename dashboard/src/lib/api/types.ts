/** What the API answers, as far as the page reads it. Times are RFC 3339 in UTC. */

export type Status = 'starting' | 'running' | 'closing' | 'closed' | 'unreachable' | 'lost'

export interface Session {
  id: string
  uid: string
  title: string
  role: string
  llm_type: string
  model: string
  runner: string
  command: string
  cwd: string
  cols: number
  rows: number
  labels: Record<string, string>
  agent_id: string | null
  created_at: string
  status: Status
  worker: string
  pid: number | null
  exit_code: number | null
  close_reason: string | null
  viewers: number
  output_bytes: number
  last_output_at: string | null
  last_input_at: string | null
  last_line: string
}

export interface SessionsFrame {
  type: 'sessions'
  changed: Session[]
  gone: string[]
  whole: boolean
}

export interface Agent {
  id: string
  name: string
  llm_type: string
  model: string
  session_id: string
  running: boolean
  hidden: boolean
  description: string
  singleton: boolean
}

export interface Problem {
  file: string
  line: number | null
  message: string
}

export interface AgentDetail extends Agent {
  shell: string
  cli_type: string
  prompt: string[]
  skills: string[]
  cwd: string
  path: string
  warnings: Problem[]
  errors: Problem[]
}

export interface Skill {
  name: string
  description: string
  path: string
  license: string
}

export interface SkillDetail extends Skill {
  body: string
  compatibility: string
  allowed_tools: string[]
}

export interface ServerStatus {
  session_count: number
  server_time: string
  working_dir: string
  git_origin: string
  git_branch: string
  version: string
  journal_holes: number
  otel_collector_running: boolean
}

export interface Worker {
  id: string
  pid: number
  host: string
  state: 'live' | 'draining' | 'gone'
  sessions: number
  capacity: number
  version: string
  started_at: string
  seen_at: string
}

export interface Readiness {
  ready: boolean
  failing: string[]
  checks: Record<string, string>
  session_workers: number
}

export interface Commit {
  sha: string
  short_sha: string
  committed_at: string
  subject: string
  stats: { files_changed: number; lines_added: number; lines_deleted: number; has_binary: boolean }
  files: { path: string; added: number; deleted: number; binary: boolean }[]
  files_truncated: boolean
}

export interface GitLog {
  branch: string
  commits: Commit[]
}

export interface Heading {
  level: number
  keyword: string
  priority: string
  text: string
  body: string
  children: Heading[]
}

export interface Plan {
  filename: string
  title: string
  subtitle: string
  date: string
  headings: Heading[]
  error?: string
}

export interface Progress {
  has_progress: boolean
  plan_file: string
  l1: string
  l2: string
  task_level: number
  task_state: string
  updated_at: string
}

export interface Notice {
  id: string
  type: string
  level: 'info' | 'warning' | 'error'
  message: string
  timestamp: string
  session_id?: string
}

export interface PublicEvent {
  id: string
  type: string
  timestamp: string
  session_id?: string
  agent_id?: string
  path?: string
}

export interface AnyValue {
  stringValue?: string
  intValue?: string | number
  doubleValue?: number
  boolValue?: boolean
  [kind: string]: unknown
}

export interface LogRecord {
  id: string
  body?: AnyValue
  attributes?: { key: string; value: AnyValue }[]
  resource?: { attributes?: { key: string; value: AnyValue }[] }
  severityText?: string
  severityNumber?: number
  timeUnixNano: string
  traceId?: string
  spanId?: string
}

export interface Histogram {
  buckets: { time: string; counts: Record<string, number> }[]
}

export interface Span {
  trace_id: string
  span_id: string
  parent_span_id: string
  name: string
  service_name: string
  start_time: string
  end_time: string
  duration_ms: number
  status: string
  attributes: Record<string, unknown>
  children?: Span[]
}

export interface MetricsSummary {
  updated_at: string
  window_seconds: number
  top_endpoints: { route: string; count: number }[]
  slowest_endpoints: { route: string; p99_seconds: number; count: number }[]
  top_agents: { name: string; count: number }[]
  error_rates: { category: string; total: number; errors: number; error_rate_pct: number }[]
}

export interface Series {
  name: string
  step_seconds: number
  aggregation: string
  series: { attributes: Record<string, unknown>; points: { time: string; value: number }[] }[]
}

export interface HistoryPage {
  lines: string[]
  cursor: number
  next_before: number | null
}
