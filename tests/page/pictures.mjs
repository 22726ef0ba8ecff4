// Makes the pictures of the README from the real thing: `node tests/page/pictures.mjs` writes them into pictures/.

import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { chatctl } from '../common/ctl.mjs'
import { ROOT } from '../common/daemon.mjs'
import { pause, until } from '../common/harness.mjs'
import { page } from '../common/visitor.mjs'

const PICTURES = join(ROOT, 'pictures')
mkdirSync(PICTURES, { recursive: true })

/** The last screen that `top` has drawn, as HTML. */
function drawn(bytes) {
  const screen = bytes.slice(bytes.lastIndexOf('\u001b[1;1H'))
  const text = screen
    .replace(/\u001b\[1E/g, '\n')
    .replace(/\u001b\[\d+;\d+H/g, '\n')
    .replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    .replace(/\u001b\[7m([^\u001b]*)/g, '<b>$1</b>')
    .replace(/\u001b\[2m([^\u001b]*)/g, '<i>$1</i>')
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').trim()
}

const STYLE = `body { margin: 0; background: #16181d } pre { display: inline-block; margin: 0; padding: 20px 24px;
  font: 14px/1.45 "DejaVu Sans Mono", monospace; color: #d6dae2 } b { font-weight: normal; background: #d6dae2; color: #16181d }
  i { font-style: normal; color: #7f8794 }`

page('pictures', { config: { ping: { interval: '5s' } } }, async (scene, visit, t) => {
  const ann = await visit('Ann', { viewport: { width: 1120, height: 640 } })
  const bob = await visit('Bob')
  const eve = await visit('Eve')
  await bob.start('Group', 'Lunch', 'Ann, Eve')
  await ann.row('Lunch').waitFor()
  await bob.say('Soup at noon, @Ann?')
  await ann.go('Lunch')
  await eve.go('Lunch')
  await eve.say('I bring the bread')
  await ann.say('Gladly! See https://example.com/menu')
  await ann.act('bread', 'React with 👍')
  await bob.message('Gladly').waitFor()
  await bob.page.getByLabel('Message', { exact: true }).pressSequentially('Great')
  await ann.page.getByText('Bob is typing').first().waitFor()
  await ann.page.screenshot({ path: join(PICTURES, 'demo.png') })

  const users = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi']
  const devices = await Promise.all(users.map((user, n) => scene.connect(user, { device: ['phone', 'laptop', 'tablet'][n % 3] })))
  const room = await scene.create(devices[0], devices.slice(1))
  const top = spawn('python3', [join(ROOT, 'tests/common/terminal.py'), chatctl(), '--socket', scene.daemon.adminSocket, 'top', '--interval', '1s'])
  t.after(() => top.kill('SIGKILL'))
  let bytes = ''
  top.stdout.setEncoding('utf8').on('data', (text) => (bytes += text))
  const chatter = scene.chatter(devices.slice(0, 3), room)
  await until(() => bytes.split('\u001b[1;1H').length > 5, 'some screens of top')
  const shown = bytes.slice(0, bytes.lastIndexOf('\u001b[1;1H'))
  await chatter.stop()
  await pause(100)
  const paper = await ann.context.newPage()
  await paper.setContent(`<style>${STYLE}</style><pre>${drawn(shown)}</pre>`)
  await paper.locator('pre').screenshot({ path: join(PICTURES, 'top.png') })
})
