/**
 * What the package exports as `troupe/conformance`: the suites that hold an adapter or a scheduler to its port. Each takes `test` and
 * `expect` of a test runner such as vitest, and a world in which to open the adapter.
 */
export { type AttemptWorld, driverConformance, type SpecKind, shellScripts } from './conformance/driver.ts'
export { type SchedulerTools, type SchedulerWorld, schedulerConformance } from './conformance/scheduler.ts'
export { type StorageTools, type StorageWorld, storageConformance } from './conformance/storage.ts'
export {
  type TransportSubject,
  type TransportWorld,
  transportConformance,
} from './conformance/transport.ts'
export type { ConformanceTools } from './conformance/transport-stage.ts'
