// Objects, JSON, typed arrays and buffers, compression, hashes, strings, timers and worker threads.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const crypto = require('node:crypto');
const zlib = require('node:zlib');

let state = 12345;
function nextNumber() { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return state; }

function records(count) {
    const all = [];
    for (let i = 0; i < count; i++) {
        all.push({ id: i, name: 'name' + (nextNumber() % 1000), tags: Array.from({ length: nextNumber() % 8 }, (_, k) => 'tag' + k),
                   note: 'n'.repeat(nextNumber() % 300) });
    }
    return all;
}

function digest(data) { return crypto.createHash('sha256').update(data).digest('hex').slice(0, 16); }

function buffers(rounds) {
    const kept = [];
    let bytes = 0;
    for (let i = 0; i < rounds; i++) {
        const buffer = Buffer.alloc(1 + nextNumber() % 100000, i & 255);
        bytes += buffer.length;
        if (i % 3 === 0) { kept.push(buffer); }
        if (kept.length > 50) { kept.shift(); }
    }
    return bytes + ' ' + digest(Buffer.concat(kept));
}

function work(seed) {
    state = seed;
    const text = JSON.stringify(records(20000));
    const again = JSON.parse(text);
    const groups = new Map();
    for (const record of again) {
        if (!groups.has(record.name)) { groups.set(record.name, []); }
        groups.get(record.name).push(record);
    }
    const packed = zlib.gzipSync(text);
    const unpacked = zlib.gunzipSync(packed).toString();
    return [seed, text.length, groups.size, digest(text), unpacked === text, buffers(1500)].join(' ');
}

if (isMainThread) {
    console.log(work(1));
    const answers = [2, 3, 4].map((seed) => new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { workerData: seed });
        worker.once('message', resolve);
        worker.once('error', reject);
    }));
    Promise.all(answers).then((lines) => {
        for (const line of lines) { console.log(line); }
        return new Promise((resolve, reject) => zlib.brotliCompress(Buffer.alloc(1 << 20, 'abc'), (error, packed) => error ? reject(error) : resolve(packed)));
    }).then((packed) => {
        console.log(zlib.brotliDecompressSync(packed).length);
        console.log('done');
    });
} else {
    parentPort.postMessage(work(workerData));
}
