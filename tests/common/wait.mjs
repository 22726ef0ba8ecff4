// Waiting for a condition instead of for a span of time.

export const DEADLINE_MS = 15_000

/** A description, made when it is needed. */
const say = (what) => (typeof what === 'function' ? what() : what)

/** `promise`, or a failure that says what was awaited. */
export function within(ms, promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${say(what)}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** A list that grows and in which the next matching entry can be awaited; each entry is handed out once. */
export class Feed {
  #entries = []
  #waiting = new Set()
  #ended = null

  push(entry) {
    const slot = { entry, taken: false }
    this.#entries.push(slot)
    for (const waiter of this.#waiting) {
      if (waiter.matches(entry)) {
        slot.taken = true
        this.#waiting.delete(waiter)
        waiter.resolve(entry)
        return
      }
    }
  }

  /** Nothing more will come: whoever waits is told why. */
  end(reason) {
    this.#ended = reason
    for (const waiter of this.#waiting) waiter.reject(new Error(`${say(waiter.what)}: ${reason}`))
    this.#waiting.clear()
  }

  reopen() {
    this.#ended = null
  }

  /** The first entry not handed out yet that matches; waits for it. */
  async next(matches, what, ms = DEADLINE_MS) {
    const slot = this.#entries.find(({ entry, taken }) => !taken && matches(entry))
    if (slot) {
      slot.taken = true
      return slot.entry
    }
    if (this.#ended) throw new Error(`${say(what)}: ${this.#ended}`)
    let waiter
    const arrival = new Promise((resolve, reject) => {
      waiter = { matches, what, resolve, reject }
      this.#waiting.add(waiter)
    })
    try {
      return await within(ms, arrival, what)
    } finally {
      this.#waiting.delete(waiter)
    }
  }

  all(matches = () => true) {
    return this.#entries.map(({ entry }) => entry).filter(matches)
  }

  untaken(matches = () => true) {
    return this.#entries.filter(({ entry, taken }) => !taken && matches(entry)).map(({ entry }) => entry)
  }
}

/** Asks `probe` again until it answers something true, for what has no signal to wait for. */
export async function until(probe, what, { ms = DEADLINE_MS, every = 50 } = {}) {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = await probe()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await pause(every)
  }
}

/** For the few tests whose subject is time itself. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
