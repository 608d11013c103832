/** What there is to go to. Each screen but home is loaded when it is first opened. */
import type { Component } from 'svelte'
import type { IconName } from './Icon.svelte'

export interface ScreenProps {
  /** What the address names after the screen: a session's uid, a run's id. */
  ref: string
  query: URLSearchParams
}

export interface Screen {
  name: string
  label: string
  icon: IconName
  key: string
  load: () => Promise<{ default: unknown }>
}

/** A screen may leave its props alone, which the types of components cannot say. */
export const componentOf = (loaded: { default: unknown }): Component<ScreenProps> => loaded.default as Component<ScreenProps>

export const SCREENS: Screen[] = [
  { name: 'home', label: 'Home', icon: 'home', key: 'h', load: () => import('../../screens/home/Home.svelte') },
  { name: 'sessions', label: 'Terminals', icon: 'terminal', key: 't', load: () => import('../../screens/sessions/Sessions.svelte') },
  { name: 'plans', label: 'Plans', icon: 'plans', key: 'p', load: () => import('../../screens/plans/Plans.svelte') },
  { name: 'flows', label: 'Flows', icon: 'flows', key: 'f', load: () => import('../../screens/flows/Flows.svelte') },
  { name: 'logs', label: 'Logs', icon: 'logs', key: 'l', load: () => import('../../screens/logs/Logs.svelte') },
  { name: 'traces', label: 'Traces', icon: 'traces', key: 'r', load: () => import('../../screens/traces/Traces.svelte') },
  { name: 'charts', label: 'Metrics', icon: 'metrics', key: 'm', load: () => import('../../screens/metrics/Metrics.svelte') },
  { name: 'operations', label: 'Operations', icon: 'operations', key: 'o', load: () => import('../../screens/operations/Operations.svelte') },
  { name: 'agents', label: 'Agents & skills', icon: 'agents', key: 'a', load: () => import('../../screens/agents/Agents.svelte') },
  { name: 'settings', label: 'Settings', icon: 'settings', key: 's', load: () => import('../../screens/settings/Settings.svelte') },
]

export const addressOf = (name: string): string => (name === 'home' ? '/' : `/${name}`)
