/** Names for what the API answers, as its document has it; the frames of streams, which it does not describe. */
import type { components } from './schema'

type Schemas = components['schemas']

export type Session = Schemas['Session']
export type Agent = Schemas['Agent']
export type AgentDetail = Schemas['AgentDetail']
export type Skill = Schemas['Skill']
export type SkillDetail = Schemas['SkillDetail']
export type ServerStatus = Schemas['Status']
export type Worker = Schemas['Worker']
export type Readiness = Schemas['Ready']
export type Commit = Schemas['Commit']
export type GitLog = Schemas['GitLog']
export type Heading = Schemas['Heading']
export type Plan = Schemas['Plan']
export type Progress = Schemas['Progress']
export type LogRecord = Schemas['LogRecord']
export type Pair = Schemas['Pair']
export type Histogram = Schemas['Histogram']
export type Span = Schemas['Span']
export type SpanNode = Schemas['SpanNode']
export type MetricsSummary = Schemas['MetricsSummary']
export type Series = Schemas['Series']
export type SessionUsage = Schemas['SessionUsage']
export type SessionOrder = Schemas['Order']

export interface SessionsFrame {
  type: 'sessions'
  changed: Session[]
  gone: string[]
  whole: boolean
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
