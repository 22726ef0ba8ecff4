// Somebody who opens the demo page: headless Chromium, with a profile of their own. Whatever the page says on its console
// that a test did not expect fails the test.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after } from 'node:test'

import { chromium } from 'playwright-core'

import { chat } from './harness.mjs'
import { DEADLINE_MS } from './wait.mjs'

/** Where Debian's package puts it. */
const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-gpu-watchdog',
]

/** The one browser of a test file; each visitor is a context of it. */
let browser
async function launch() {
  if (!browser) {
    assert.ok(existsSync(CHROMIUM), 'Chromium is needed: tests/run --install')
    browser = chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  }
  return browser
}
after(async () => (await browser)?.close())

export class Visitor {
  complaints = []
  #expected = []

  static async open(scene, name, { path = '/', clock, ...options } = {}) {
    const visitor = new Visitor()
    visitor.scene = scene
    visitor.name = name
    const context = await (await launch()).newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options })
    context.setDefaultTimeout(DEADLINE_MS)
    visitor.context = context
    if (clock) await context.clock.setFixedTime(clock)
    await visitor.#watch(await context.newPage())
    await visitor.page.goto(scene.daemon.url + path)
    if (name) await visitor.signIn(name)
    return visitor
  }

  async #watch(page) {
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(`uncaught: ${error.stack}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(`${message.type()}: ${message.text()}`)
    })
    page.on('response', async (response) => {
      if (!response.url().endsWith('/demo/token') || !response.ok()) return
      const granted = await response.json().catch(() => null)
      if (granted) this.scene.daemon.keepSecret(granted.token)
    })
  }

  async signIn(name) {
    await this.page.getByLabel('Your name').fill(name)
    await this.page.keyboard.press('Enter')
    await this.page.locator('.conversation').first().waitFor()
  }

  /** What the console may say in this test. */
  expect(...patterns) {
    this.#expected.push(...patterns)
  }

  assertQuiet() {
    assert.deepEqual(this.complaints.filter((line) => !this.#expected.some((known) => known.test(line))), [], `${this.name}'s console`)
  }

  find(selector, options) {
    return this.page.locator(selector, options)
  }

  /** Waits until there is something like that, and exactly once. */
  async sees(selector, options) {
    const found = this.find(selector, options)
    await found.first().waitFor()
    assert.equal(await found.count(), 1, `${selector} ${options?.hasText ?? ''}`)
    return found
  }

  async seesNo(selector, options) {
    await this.find(selector, options).first().waitFor({ state: 'hidden' })
  }

  row(title) {
    return this.find('.conversation', { hasText: title })
  }

  /** Opens a conversation by its place in the list. */
  async go(title) {
    await this.row(title).click()
    await this.sees('.thread-title h1', { hasText: title })
  }

  message(content) {
    return this.find('.message', { has: this.find('.content', { hasText: content }) })
  }

  async say(content) {
    await this.page.getByLabel('Message', { exact: true }).fill(content)
    await this.page.keyboard.press('Enter')
  }

  /** A button of the bar over a message. */
  async act(content, label) {
    await this.message(content).hover()
    await this.find('.bar').getByLabel(label).click()
  }

  async start(type, title, people) {
    await this.page.getByLabel('New conversation').click()
    const dialog = this.page.getByRole('dialog')
    await dialog.getByText(type, { exact: true }).click()
    if (title) await dialog.getByLabel('Title').fill(title)
    await dialog.locator('#new-people').fill(people)
    await dialog.getByRole('button', { name: 'Start' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
}

/** A test with a daemon in demo mode; `visit(name, options)` opens the page. */
export function page(name, ...rest) {
  const body = rest.pop()
  const { args = [], ...options } = rest.pop() ?? {}
  chat(name, { ...options, args: ['--demo', ...args] }, async (scene, t) => {
    const visitors = []
    const visit = async (who, more) => {
      const visitor = await Visitor.open(scene, who, more)
      visitors.push(visitor)
      return visitor
    }
    try {
      await body(scene, visit, t)
      for (const visitor of visitors) visitor.assertQuiet()
    } catch (cause) {
      for (const { name, complaints } of visitors) if (complaints.length > 0) t.diagnostic(`${name}'s console:\n${complaints.join('\n')}`)
      throw cause
    } finally {
      await Promise.all(visitors.map(({ context }) => context.close()))
    }
  })
}
