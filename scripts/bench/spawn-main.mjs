/** Bare `child_process.spawn`, in a process without a loader or anything else that would make it larger and its forks slower. */
import { spawn } from 'node:child_process'

const live = (command) =>
  new Promise((resolve, reject) => {
    const [file, ...args] = command
    spawn(file, args, { stdio: 'ignore' }).once('error', reject).once('exit', resolve)
  })

/** Starts so many, so many at once; answers the milliseconds that they took together. */
process.on('message', async ({ command, count, inFlight }) => {
  let left = count
  const loop = async () => {
    for (; left > 0; ) {
      left -= 1
      await live(command)
    }
  }
  const beganMs = performance.now()
  await Promise.all(Array.from({ length: inFlight }, loop))
  process.send({ ms: performance.now() - beganMs, rssBytes: process.memoryUsage.rss() })
})
process.on('disconnect', () => process.exit(0))
