// Run by examples/thread-driver.ts in a thread: prints how many primes there are below a number.
const below = Number(process.argv[2])
if (!Number.isSafeInteger(below)) {
  console.error('say below which number')
  process.exit(2)
}
let count = 0
for (let n = 2; n < below; n += 1) {
  let isPrime = true
  for (let d = 2; d * d <= n; d += 1) if (n % d === 0) isPrime = false
  if (isPrime) count += 1
}
console.log(`${count} primes below ${below}`)
