/** Whether the page hears from the server: what the dot in the bar shows. */
class Connection {
  connected = $state(false)
  /** Whether it ever was: before that nothing is lost, it only loads. */
  seen = $state(false)
  needsLogin = $state(false)

  told(connected: boolean): void {
    this.connected = connected
    if (connected) this.seen = true
  }

  refused(): void {
    this.needsLogin = true
    this.connected = false
  }
}

export const connection = new Connection()
