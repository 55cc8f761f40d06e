// Says what the library of CycloneDX makes of a bill of materials of version 1.6 on stdin, by the schema that it
// brings: prints {"ok": true} or {"error": WHY}.
import { readFileSync } from "node:fs";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
const error = await validator.validate(readFileSync(0, "utf8"));
console.log(JSON.stringify(error === null ? { ok: true } : { error }));
