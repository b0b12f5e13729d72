-- SPDX-License-Identifier: Apache-2.0
-- Records of tlswhy in ClickHouse (23.8 or later): the table, and what is
-- added up as records come. Run with: clickhouse-client --multiquery <1-tables.sql

CREATE DATABASE IF NOT EXISTS tlswhy;

-- A record a line, from Kafka (2-kafka.sql) or from files:
--   clickhouse-client -q 'INSERT INTO tlswhy.inbox FORMAT JSONAsString' <records.jsonl
CREATE TABLE IF NOT EXISTS tlswhy.inbox (record String) ENGINE = Null;

-- One row a handshake. What is unknown is empty, 0 or NULL. `server` is the name
-- that the client asked for, else the address. The whole record is kept, too:
-- JSONExtract(record, 'tlswhy', 'fix', 'Array(String)').
-- A record that came twice (an outage, a restart) is one row with FINAL.
CREATE TABLE IF NOT EXISTS tlswhy.handshakes
(
    timestamp     DateTime64(6, 'UTC'),
    outcome       LowCardinality(String),
    benign        Bool,
    cause         LowCardinality(String),
    confidence    LowCardinality(String),
    side          LowCardinality(String),
    stage         LowCardinality(String),
    ended_by      LowCardinality(String),
    ended_how     LowCardinality(String),
    alert         LowCardinality(String),
    alert_code    Nullable(UInt8),
    alert_sender  LowCardinality(String),
    reason        String,
    server        String,
    server_ip     Nullable(IPv6),
    server_port   UInt16,
    client_ip     Nullable(IPv6),
    client_port   UInt16,
    transport     LowCardinality(String),
    protocol      LowCardinality(String),
    application   LowCardinality(String),
    carrier       LowCardinality(String),
    version       LowCardinality(String),
    cipher        LowCardinality(String),
    curve         LowCardinality(String),
    next_protocol LowCardinality(String),
    ja3           String,
    ja3s          String,
    ja4           String,
    subject       String,
    issuer        LowCardinality(String),
    not_after     Nullable(DateTime('UTC')),
    sha256        String,
    interception  LowCardinality(String),
    community_id  String,
    sensor        LowCardinality(String),
    interface     LowCardinality(String),
    file          String,
    duration_ns   UInt64,
    record        String CODEC(ZSTD(3)),
    INDEX clients client_ip TYPE bloom_filter GRANULARITY 4,
    INDEX ids community_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (outcome, cause, server, server_port, timestamp, community_id, client_port)
TTL toDateTime(timestamp) + INTERVAL 90 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS tlswhy.to_handshakes TO tlswhy.handshakes AS
WITH
    JSONExtractRaw(record, 'tls') AS tls,
    JSONExtractRaw(record, 'tlswhy') AS why,
    JSONExtractRaw(record, 'tls', 'server', 'x509') AS leaf
SELECT
    parseDateTime64BestEffort(JSONExtractString(record, '@timestamp'), 6, 'UTC') AS timestamp,
    JSONExtractString(record, 'event', 'outcome') AS outcome,
    JSONExtractBool(why, 'benign') AS benign,
    JSONExtractString(why, 'cause') AS cause,
    JSONExtractString(why, 'confidence') AS confidence,
    JSONExtractString(why, 'side') AS side,
    JSONExtractString(why, 'stage') AS stage,
    JSONExtractString(why, 'ended_by') AS ended_by,
    JSONExtractString(why, 'ended_how') AS ended_how,
    if(JSONExtractBool(why, 'alert', 'encrypted') AND NOT JSONHas(why, 'alert', 'name'),
        'encrypted', JSONExtractString(why, 'alert', 'name')) AS alert,
    JSONExtract(why, 'alert', 'code', 'Nullable(UInt8)') AS alert_code,
    JSONExtractString(why, 'alert', 'sender') AS alert_sender,
    JSONExtractString(record, 'event', 'reason') AS reason,
    if(JSONExtractString(tls, 'client', 'server_name') != '',
        JSONExtractString(tls, 'client', 'server_name'),
        JSONExtractString(record, 'server', 'ip')) AS server,
    toIPv6OrNull(JSONExtractString(record, 'server', 'ip')) AS server_ip,
    JSONExtract(record, 'server', 'port', 'UInt16') AS server_port,
    toIPv6OrNull(JSONExtractString(record, 'client', 'ip')) AS client_ip,
    JSONExtract(record, 'client', 'port', 'UInt16') AS client_port,
    JSONExtractString(record, 'network', 'transport') AS transport,
    JSONExtractString(record, 'network', 'protocol') AS protocol,
    JSONExtractString(record, 'network', 'application') AS application,
    JSONExtractString(why, 'carrier') AS carrier,
    trim(BOTH ' ' FROM concat(JSONExtractString(tls, 'version_protocol'), ' ',
        JSONExtractString(tls, 'version'))) AS version,
    JSONExtractString(tls, 'cipher') AS cipher,
    JSONExtractString(tls, 'curve') AS curve,
    JSONExtractString(tls, 'next_protocol') AS next_protocol,
    JSONExtractString(tls, 'client', 'ja3') AS ja3,
    JSONExtractString(tls, 'server', 'ja3s') AS ja3s,
    JSONExtractString(tls, 'client', 'ja4') AS ja4,
    JSONExtractString(leaf, 'subject', 'distinguished_name') AS subject,
    JSONExtractString(leaf, 'issuer', 'distinguished_name') AS issuer,
    parseDateTimeBestEffortOrNull(JSONExtractString(leaf, 'not_after'), 'UTC') AS not_after,
    JSONExtractString(tls, 'server', 'hash', 'sha256') AS sha256,
    JSONExtractString(why, 'interception', 'verdict') AS interception,
    JSONExtractString(record, 'network', 'community_id') AS community_id,
    JSONExtractString(record, 'observer', 'hostname') AS sensor,
    JSONExtractString(record, 'observer', 'ingress', 'interface', 'name') AS interface,
    JSONExtractString(why, 'file') AS file,
    JSONExtractUInt(record, 'event', 'duration') AS duration_ns,
    record
FROM tlswhy.inbox
WHERE JSONExtractString(record, 'event', 'dataset') = 'tlswhy.handshake';

-- ---- failures by cause, server and hour ----

CREATE TABLE IF NOT EXISTS tlswhy.failures_hourly
(
    hour        DateTime('UTC'),
    cause       LowCardinality(String),
    side        LowCardinality(String),
    server      String,
    server_port UInt16,
    failures    UInt64
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, cause, side, server, server_port);

CREATE MATERIALIZED VIEW IF NOT EXISTS tlswhy.to_failures_hourly TO tlswhy.failures_hourly AS
SELECT toStartOfHour(toDateTime(timestamp, 'UTC')) AS hour, cause, side, server, server_port,
    count() AS failures
FROM tlswhy.handshakes
WHERE outcome = 'failure' AND NOT benign
GROUP BY hour, cause, side, server, server_port;

-- ---- handshakes by outcome, version and hour ----

CREATE TABLE IF NOT EXISTS tlswhy.outcomes_hourly
(
    hour       DateTime('UTC'),
    outcome    LowCardinality(String),
    benign     Bool,
    protocol   LowCardinality(String),
    version    LowCardinality(String),
    handshakes UInt64
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, outcome, benign, protocol, version);

CREATE MATERIALIZED VIEW IF NOT EXISTS tlswhy.to_outcomes_hourly TO tlswhy.outcomes_hourly AS
SELECT toStartOfHour(toDateTime(timestamp, 'UTC')) AS hour, outcome, benign, protocol, version,
    count() AS handshakes
FROM tlswhy.handshakes
GROUP BY hour, outcome, benign, protocol, version;

-- ---- when a cause was first and last seen at a server ----

CREATE TABLE IF NOT EXISTS tlswhy.seen
(
    cause       LowCardinality(String),
    server      String,
    server_port UInt16,
    first       SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last        SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    failures    SimpleAggregateFunction(sum, UInt64),
    clients     AggregateFunction(uniq, Nullable(IPv6)),
    reason      SimpleAggregateFunction(anyLast, String)
)
ENGINE = AggregatingMergeTree
ORDER BY (cause, server, server_port);

CREATE MATERIALIZED VIEW IF NOT EXISTS tlswhy.to_seen TO tlswhy.seen AS
SELECT cause, server, server_port,
    min(timestamp) AS first, max(timestamp) AS last, count() AS failures,
    uniqState(client_ip) AS clients, anyLast(reason) AS reason
FROM tlswhy.handshakes
WHERE outcome = 'failure' AND NOT benign
GROUP BY cause, server, server_port;

CREATE VIEW IF NOT EXISTS tlswhy.first_and_last_seen AS
SELECT cause, server, server_port,
    min(first) AS first_seen, max(last) AS last_seen, sum(failures) AS failures,
    uniqMerge(clients) AS clients, anyLast(reason) AS reason
FROM tlswhy.seen
GROUP BY cause, server, server_port;

-- What fails since less than an hour and never did before: one row, one alert.
CREATE VIEW IF NOT EXISTS tlswhy.new_causes AS
SELECT * FROM tlswhy.first_and_last_seen
WHERE first_seen > now64(6, 'UTC') - INTERVAL 1 HOUR
ORDER BY failures DESC;
