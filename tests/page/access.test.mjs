// For everybody: keyboard, screen reader, small and dark screens; and against those who write markup.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from '../common/daemon.mjs'
import { until, words } from '../common/harness.mjs'
import { page } from '../common/visitor.mjs'

const AXE = readFileSync(join(ROOT, 'tests/node_modules/axe-core/axe.min.js'), 'utf8')

/** Holds what is on the screen against the rules of accessibility. */
async function assertAccessible(visitor, state) {
  if (!(await visitor.page.evaluate(() => 'axe' in globalThis))) await visitor.page.evaluate(AXE)
  const { violations } = await visitor.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`).join('\n')}`)
  assert.deepEqual(told, [], state)
}

page('no state of the page breaks a rule of accessibility', { timeout: 90_000 }, async (scene, visit) => {
  // Colours that change by and by would be judged half-way.
  const still = { reducedMotion: 'reduce' }
  const welcome = await visit('', still)
  const bob = await visit('Bob')
  const ann = await visit('Ann', still)
  await bob.say(`@ann ${words('look')} https://example.com/`)
  await ann.say(words('hello'))
  await ann.act('look', 'React with 👍')
  await ann.act('look', 'Reply')
  await ann.say(words('answer'))
  await bob.start('Group', 'Lunch', 'Ann')
  await bob.say(words('unread'))
  await ann.row('Lunch').locator('.badge').waitFor()
  await ann.page.getByLabel('Members and details').click()
  await ann.find('.person').first().waitFor()
  await ann.message('hello').hover()
  for (const colorScheme of ['light', 'dark']) {
    for (const visitor of [ann, welcome]) await visitor.page.emulateMedia({ colorScheme })
    await assertAccessible(welcome, `welcome, ${colorScheme}`)
    await assertAccessible(ann, `conversation, ${colorScheme}`)
    for (const [opener, field] of [['New conversation', '#new-people'], ['Search messages', '#query'], ['Notifications', '.result']]) {
      await ann.page.getByLabel(opener).first().click()
      await ann.find(field).first().waitFor()
      if (field === '#query') {
        await ann.find(field).fill('hello')
        await ann.find('.result').first().waitFor()
      }
      await assertAccessible(ann, `${opener}, ${colorScheme}`)
      await ann.page.keyboard.press('Escape')
    }
  }
})

page('all of it by the keyboard', async (scene, visit) => {
  const bob = await visit('Bob')
  const ann = await visit('')
  const { keyboard } = ann.page
  const focus = (selector) => until(() => ann.page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector), `the focus on ${selector}`, { ms: 3_000 })
  const tabTo = async (selector) => {
    for (let n = 0; n < 40; n += 1) {
      if (await ann.page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return
      await keyboard.press('Tab')
    }
    assert.fail(`Tab does not lead to ${selector}`)
  }
  // The name has the focus from the start.
  await keyboard.type('Ann')
  await keyboard.press('Enter')
  await ann.sees('.thread-title h1', { hasText: 'Lobby' })
  await tabTo('#text')
  await keyboard.type('one')
  await keyboard.press('Shift+Enter')
  await keyboard.type('two')
  await keyboard.press('Enter')
  assert.equal(await (await bob.sees('.message .content', { hasText: 'one' })).textContent(), 'one\ntwo')

  // A group, from the dialog, which takes the focus and gives it back.
  await keyboard.press('Shift+Tab')
  await tabTo('#open-new')
  await keyboard.press('Enter')
  await focus('#new-people')
  await keyboard.press('Escape')
  await focus('#open-new')
  await keyboard.press('Enter')
  await keyboard.press('Shift+Tab')
  await focus('input[type=radio]')
  await keyboard.press('ArrowRight')
  await keyboard.press('Tab')
  await keyboard.type('Lunch')
  await keyboard.press('Tab')
  await keyboard.type('Bob')
  await keyboard.press('Enter')
  await ann.sees('.thread-title h1', { hasText: 'Lunch' })
  await bob.row('Lunch').waitFor()

  // The list by the arrow keys.
  await tabTo('.conversation')
  await keyboard.press('ArrowDown')
  await keyboard.press('Enter')
  await ann.sees('.thread-title h1', { hasText: 'Lobby' })

  // A message, and from it to what can be done with it.
  await tabTo('#log')
  await keyboard.press('ArrowUp')
  await focus('.message')
  await tabTo('.bar [aria-label="React with 🎉"]')
  await keyboard.press('Enter')
  await bob.message('one').getByRole('button', { name: '🎉 1 by Ann' }).waitFor()
  await focus('.message, .message *')
  await tabTo('.bar [aria-label="Delete"]')
  await keyboard.press('Enter')
  await focus('dialog button')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await bob.sees('.content.gone')
})

page('a phone shows the list or a conversation', async (scene, visit) => {
  const bob = await visit('Bob')
  const ann = await visit('Ann', { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true })
  const fits = async () => assert.ok(await ann.page.evaluate(() => document.documentElement.scrollWidth <= 360), 'no scrolling sideways')
  await fits()
  assert.equal(await ann.find('#thread').isVisible(), false)
  await ann.row('Lobby').tap()
  await ann.find('#thread').waitFor()
  assert.equal(await ann.find('.sidebar').isVisible(), false)
  await bob.say(`${words('long')} ${'x'.repeat(300)} https://example.com/${'y'.repeat(300)}`)
  await ann.message('long').waitFor()
  await ann.message('long').tap()
  await ann.find('.bar').getByLabel('React with 👍').tap()
  await bob.message('long').getByRole('button', { name: '👍 1 by Ann' }).waitFor()
  await fits()
  await ann.page.getByLabel('Members and details').tap()
  await ann.find('.person').first().waitFor()
  await fits()
  await ann.page.getByLabel('Close details').tap()
  await ann.page.goBack()
  await ann.row('Lobby').waitFor()
  assert.equal(await ann.find('#thread').isVisible(), false)
})

page('the theme is the system’s until one is chosen, and stays', async (scene, visit) => {
  const ann = await visit('', { colorScheme: 'dark' })
  await ann.signIn('Ann')
  const background = () => ann.page.evaluate(() => getComputedStyle(document.querySelector('#thread')).backgroundColor)
  const dark = await background()
  await ann.page.emulateMedia({ colorScheme: 'light' })
  const light = await background()
  assert.notEqual(dark, light)
  const toggle = ann.find('#theme')
  await toggle.click()
  await toggle.click()
  assert.equal(await background(), dark, 'dark by choice')
  await ann.page.reload()
  await ann.row('Lobby').waitFor()
  assert.equal(await background(), dark)
})

page('markup in names and messages is text', async (scene, visit) => {
  const [name, markup] = ['<img src=x onerror=pwn()>', '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>']
  const eve = await visit(name)
  const ann = await visit('Ann')
  await eve.say(`${markup} @ann`)
  await ann.message('onerror').waitFor()
  await eve.start('Group', markup.slice(0, 60), 'Ann')
  await ann.find('.toast', { hasText: '<img' }).waitFor()
  await ann.row('<img').first().waitFor()
  await ann.act('onerror', 'Reply')
  await ann.say(words('answer'))
  await ann.page.keyboard.press('Control+k')
  await ann.find('#query').fill('onerror')
  await ann.find('.result').first().waitFor()
  await ann.page.keyboard.press('Escape')
  await ann.page.getByLabel(/^Notifications/).click()
  await ann.find('.result').first().waitFor()
  for (const visitor of [eve, ann]) {
    assert.equal(await visitor.page.evaluate(() => window.pwned), undefined)
    assert.equal(await visitor.find('#app img, #app script, dialog img, .toasts img').count(), 0)
  }
})
