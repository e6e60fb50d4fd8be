// Reads a JSON array of Kubernetes objects on standard input and writes what is wrong with them as a JSON array of strings.
//
// node validate.mjs MODULES < objects.json; MODULES is the node_modules that package.json's packages stand in.
//
// The packages' validators know which values are right but pass over keys that no schema has, which is what a misspelt key
// is. Each object is handed to them behind a proxy that notes which keys they ask for: a key that a schema knows is asked
// for, whether it is there or not, and the entries of a map (labels) are all looked at. What nobody asked for is unknown.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const K8S = "kubernetes-models/_schemas/IoK8sApi";
const KEDA = "@kubernetes-models/keda/_schemas/ComGithubKedacoreKedaV2ApisKeda";
const GROUPS = {
    "v1": `${K8S}CoreV1`,
    "apps/v1": `${K8S}AppsV1`,
    "batch/v1": `${K8S}BatchV1`,
    "networking.k8s.io/v1": `${K8S}NetworkingV1`,
    "node.k8s.io/v1": `${K8S}NodeV1`,
    "policy/v1": `${K8S}PolicyV1`,
    "rbac.authorization.k8s.io/v1": `${K8S}RbacV1`,
    "scheduling.k8s.io/v1": `${K8S}SchedulingV1`,
    "keda.sh/v1alpha1": `${KEDA}V1alpha1`,
};

// A value and everything in it, noting each key that is asked for in `asked` under its path.
function watched(value, path, asked) {
    if (value === null || typeof value !== "object")
        return value;
    const children = new Map();
    return new Proxy(value, {
        get(target, key) {
            if (typeof key !== "string")
                return target[key];
            asked.add(`${path}/${key}`);
            if (!Object.hasOwn(target, key))
                return target[key];
            if (!children.has(key))
                children.set(key, watched(target[key], `${path}/${key}`, asked));
            return children.get(key);
        },
    });
}

function unknown(value, path, asked) {
    if (value === null || typeof value !== "object")
        return [];
    const keys = Object.keys(value);
    const strange = Array.isArray(value) ? [] : keys.filter((key) => !asked.has(`${path}/${key}`));
    return [
        ...strange.map((key) => `${path}/${key}: unknown key`),
        ...keys.filter((key) => !strange.includes(key)).flatMap((key) => unknown(value[key], `${path}/${key}`, asked)),
    ];
}

async function problems(object, modules) {
    const name = `${object.kind}/${object.metadata?.name}`;
    const prefix = GROUPS[object.apiVersion];
    if (!prefix)
        return [`${name}: unknown apiVersion ${object.apiVersion}`];
    let schema;
    try {
        schema = await import(new URL(`${prefix}${object.kind}.js`, modules));
    } catch {
        return [`${name}: ${object.apiVersion} has no kind ${object.kind}`];
    }
    const asked = new Set();
    const found = [];
    if (!schema.validate(watched(object, "", asked)))
        found.push(...schema.validate.errors.map((error) => `${error.instancePath}: ${error.message ?? error.keyword} ` +
                                                            JSON.stringify(error.params)));
    found.push(...unknown(object, "", asked));
    return found.map((problem) => `${name}: ${problem}`);
}

const modules = pathToFileURL(`${process.argv[2]}/`);
const objects = JSON.parse(readFileSync(0, "utf8"));
const found = [];
for (const object of objects)
    found.push(...await problems(object, modules));
process.stdout.write(JSON.stringify(found));
