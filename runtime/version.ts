/** Troupe's version as people see it; a test holds it to package.json. Compatibility is settled by the subprotocol. */
export const version = '0.1.0'
