// SPDX-License-Identifier: Apache-2.0
// contrib/clickhouse/*.sql in ClickHouse's own engine (chdb), over the records of
// all captures in pcaps/: what the queries count is what the text report prints.
// With a broker (--kafka) the records take the whole way.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';

const { Session } = createRequire(join(process.env.CHDB_DIR ?? process.cwd(), 'x.js'))('chdb');
const program = process.env.TLSWHY;
const src = process.env.TLSWHY_SRCDIR;
const work = mkdtempSync(join(tmpdir(), 'tlswhy-ch-'));
const records = join(work, 'records.jsonl');
let db;

const run = (...args) => execFileSync(program, args,
    { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });

// Statements, with the comment above each.
function statements(file) {
    return readFileSync(join(src, 'contrib/clickhouse', file), 'utf8')
        .split(/;\s*\n/).map(text => ({
            name: [...text.matchAll(/^-- (.*)/gm)].at(-1)?.[1],
            sql: text.replace(/^\s*--.*$/gm, '').trim(),
        })).filter(s => s.sql);
}

const rows = sql => {
    const text = db.query(sql, 'JSONEachRow');
    return text.trim() ? text.trim().split('\n').map(line => JSON.parse(line)) : [];
};

const question = name => {
    const s = statements('3-questions.sql').find(q => q.name === name);
    assert.ok(s, name);
    return rows(s.sql);
};

// The totals as the text report has them.
function printed() {
    const all = run('--no-color', records);
    const text = all.slice(all.lastIndexOf(' TLS connections: ') - 20);
    const number = what => Number((text.match(new RegExp(`([\\d,]+) ${what}`))?.[1] ?? '0')
        .replaceAll(',', ''));
    return { text, number };
}

before(() => {
    // demo_success.pcap is a part of demo.pcap: the same connection is one row.
    const pcaps = readdirSync(join(src, 'pcaps'))
        .filter(f => /\.pcap(ng)?$/.test(f) && f !== 'demo_success.pcap').map(f => join(src, 'pcaps', f));
    let all = '';
    try {
        all = run('-q', '-a', '-f', 'json', '--ca', 'none', ...pcaps);
    } catch (e) {
        all = e.stdout;
    }
    writeFileSync(records, all);
    db = new Session(join(work, 'db'));
    for (const s of statements('1-tables.sql')) {
        db.query(s.sql);
    }
    db.query(`INSERT INTO tlswhy.inbox SELECT json FROM file('${records}', 'JSONAsString')`);
});

after(() => {
    db?.cleanup();
    rmSync(work, { recursive: true, force: true });
});

test('every record becomes a row, and comes out as it went in', () => {
    const lines = readFileSync(records, 'utf8').trim().split('\n');
    assert.ok(lines.length > 300);
    const kept = rows('SELECT record FROM tlswhy.handshakes FINAL').map(r => r.record);
    const known = new Set(kept);
    assert.equal(kept.length, new Set(lines).size);
    assert.ok(lines.every(line => known.has(line)));
});

test('columns hold what the records say', () => {
    const byId = new Map();
    for (const line of readFileSync(records, 'utf8').trim().split('\n')) {
        byId.set(line, JSON.parse(line));
    }
    const all = rows(`SELECT record, outcome, benign, cause, confidence, stage, ended_by, alert,
        alert_code, server, server_port, version, ja4, subject, duration_ns, transport,
        formatDateTime(timestamp, '%Y-%m-%dT%H:%i:%S.%fZ') AS at,
        replaceOne(toString(client_ip), '::ffff:', '') AS client FROM tlswhy.handshakes FINAL`);
    for (const row of all) {
        const r = byId.get(row.record);
        const t = r.tls ?? {};
        assert.equal(row.at, r['@timestamp']);
        assert.equal(row.outcome, r.event.outcome);
        assert.equal(row.benign, r.tlswhy.benign ?? false);
        assert.equal(row.cause, r.tlswhy.cause ?? '');
        assert.equal(row.confidence, r.tlswhy.confidence ?? '');
        assert.equal(row.stage, r.tlswhy.stage);
        assert.equal(row.ended_by, r.tlswhy.ended_by ?? '');
        assert.equal(row.alert, r.tlswhy.alert?.name ??
            (r.tlswhy.alert?.encrypted ? 'encrypted' : ''));
        assert.equal(row.alert_code ?? undefined, r.tlswhy.alert?.code);
        assert.equal(row.server, t.client?.server_name ?? r.server?.ip ?? '');
        assert.equal(row.server_port, r.server?.port ?? 0);
        assert.equal(row.version, [t.version_protocol, t.version].filter(Boolean).join(' '));
        assert.equal(row.ja4, t.client?.ja4 ?? '');
        assert.equal(row.subject, t.server?.x509?.subject?.distinguished_name ?? '');
        assert.equal(Number(row.duration_ns), r.event.duration);
        assert.equal(row.transport, r.network.transport ?? '');
        assert.equal(row.client ?? undefined, r.client?.ip);
    }
});

test('queries return the totals that the text report prints', () => {
    const { text, number } = printed();
    const [t] = question('totals');
    assert.equal(Number(t.succeeded), number('succeeded'), text.slice(-3000));
    assert.equal(Number(t.failed), number('failed'));
    assert.equal(Number(t.unknown), number('unknown'));
    assert.equal(Number(t.harmless), number('harmless'));
    const live = new Map(question('causes').map(r => [r.cause, Number(r.failures)]));
    const added = new Map(question('causes, added up as they came')
        .map(r => [r.cause, Number(r.failures)]));
    assert.deepEqual(added, live);
    assert.equal([...live.values()].reduce((a, b) => a + b), Number(t.failed));
    const told = new Map([...text.slice(text.indexOf('failures by cause'))
        .matchAll(/^ +([\d,]+)  (\w+) [–-]/gm)]
        .map(m => [m[2], Number(m[1].replaceAll(',', ''))]));
    assert.deepEqual(told, live);
    const outcomes = question('outcomes, added up as they came');
    assert.equal(outcomes.reduce((n, r) => n + Number(r.handshakes), 0),
        Number(t.succeeded) + Number(t.failed) + Number(t.unknown) + Number(t.harmless));
});

test('all other questions can be asked', () => {
    for (const s of statements('3-questions.sql')) {
        assert.doesNotThrow(() => rows(s.sql), s.name);
    }
    assert.ok(question('first and last seen').length > 10);
    assert.ok(question('what the last failure of a server says to do')[0].fix.length > 0);
});

test("the dashboard's queries count the same", () => {
    const board = JSON.parse(readFileSync(join(src, 'contrib/grafana/tlswhy-clickhouse.json'),
        'utf8'));
    const ask = sql => rows(sql.replaceAll(/\$__timeFilter\((\w+)\)/g, '($1 > 0)')
        .replaceAll(/\$__timeInterval\((\w+)\)/g, 'toStartOfHour($1)')
        .replaceAll('${server:sqlstring}', board.templating.list[1].allValue));
    assert.doesNotThrow(() => ask(board.templating.list[1].query));
    const panel = title => ask(board.panels.find(p => p.title === title).targets[0].rawSql);
    for (const p of board.panels) {
        assert.doesNotThrow(() => panel(p.title), p.title);
    }
    const [t] = question('totals');
    const failed = Number(t.failed);
    const sum = list => list.reduce((n, r) => n + Number(r.failures), 0);
    assert.equal(Number(panel('Failed')[0].failed), failed);
    assert.equal(sum(panel('Failures by cause')), failed);
    assert.equal(sum(panel('Causes')), failed);
    assert.ok(Math.abs(panel('Failed, of those that ended clearly')[0].ratio -
        failed / (failed + Number(t.succeeded))) < 1e-9);
});

test('a cause is new once', () => {
    const now = new Date().toISOString().replace('Z', '000Z');
    const line = JSON.parse(readFileSync(records, 'utf8').split('\n')
        .find(l => l.includes('"cause":"no_shared_version"')));
    assert.equal(question('new causes').length, 0);
    line['@timestamp'] = now;
    line.tls.client.server_name = 'new.example.test';
    const insert = () => db.query(`INSERT INTO tlswhy.inbox VALUES ('${JSON.stringify(line)
        .replaceAll('\\', '\\\\').replaceAll("'", "\\'")}')`);
    insert();
    let fresh = question('new causes');
    assert.equal(fresh.length, 1);
    assert.equal(fresh[0].server, 'new.example.test');
    assert.equal(fresh[0].cause, 'no_shared_version');
    // The same record again: one row, for good.
    insert();
    assert.equal(Number(rows(`SELECT count() AS n FROM tlswhy.handshakes FINAL
        WHERE server = 'new.example.test'`)[0].n), 1);
    // Something older turns up: it is not new any more.
    line['@timestamp'] = '2026-01-01T00:00:00.000000Z';
    insert();
    assert.equal(question('new causes').length, 0);
});

// 2-kafka.sql: from the program by way of a broker to the table.
test('records come from Kafka', { skip: !process.env.MOCK && 'no mock broker' }, async t => {
    const mock = spawn(process.env.MOCK, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => mock.stdin.end());
    const [brokers, topic] = (await new Promise(resolve =>
        mock.stdout.once('data', resolve))).toString().trim().split('/');
    const count = () => Number(rows(`SELECT count() AS n FROM tlswhy.handshakes FINAL
        WHERE file = '' AND client_port = 56171`)[0].n);
    db.query(`ALTER TABLE tlswhy.handshakes DELETE WHERE client_port = 56171
        SETTINGS mutations_sync = 1`);
    assert.equal(count(), 0);
    run('-q', '-f', 'none', '--kafka', `${brokers}/${topic}`, join(src, 'pcaps/demo.pcap'));
    for (const s of statements('2-kafka.sql')) {
        db.query(s.sql.replace('localhost:9092', brokers)
            .replace("kafka_topic_list = 'tlswhy'", `kafka_topic_list = '${topic}'`));
    }
    t.after(() => db.query('DROP TABLE tlswhy.from_kafka; DROP TABLE tlswhy.kafka'));
    for (let i = 0; i < 300 && count() === 0; i++) {
        await new Promise(resolve => setTimeout(resolve, 100));
    }
    assert.equal(count(), 1);
});

test('what is no record of ours is passed over', () => {
    const before = Number(rows('SELECT count() AS n FROM tlswhy.handshakes')[0].n);
    for (const text of ['{}', '{"event":{"dataset":"other"}}', 'not json', '']) {
        db.query(`INSERT INTO tlswhy.inbox VALUES ('${text}')`);
    }
    assert.equal(Number(rows('SELECT count() AS n FROM tlswhy.handshakes')[0].n), before);
});
