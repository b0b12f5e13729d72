-- SPDX-License-Identifier: Apache-2.0
-- Questions to ask. Each is one statement; the comment above is its name.

-- totals
SELECT countIf(outcome = 'success') AS succeeded,
    countIf(outcome = 'failure' AND NOT benign) AS failed,
    countIf(outcome = 'unknown') AS unknown,
    countIf(outcome = 'failure' AND benign) AS harmless
FROM tlswhy.handshakes FINAL;

-- causes
SELECT cause, count() AS failures, uniq(client_ip) AS clients, uniq(server) AS servers
FROM tlswhy.handshakes FINAL
WHERE outcome = 'failure' AND NOT benign
GROUP BY cause
ORDER BY failures DESC, cause;

-- causes, added up as they came
SELECT cause, sum(failures) AS failures
FROM tlswhy.failures_hourly
GROUP BY cause
ORDER BY failures DESC, cause;

-- outcomes, added up as they came
SELECT outcome, benign, sum(handshakes) AS handshakes
FROM tlswhy.outcomes_hourly
GROUP BY outcome, benign
ORDER BY outcome, benign;

-- the worst servers of the last day
SELECT server, server_port, sum(failures) AS failures, topK(3)(cause) AS causes
FROM tlswhy.failures_hourly
WHERE hour > now('UTC') - INTERVAL 1 DAY
GROUP BY server, server_port
ORDER BY failures DESC
LIMIT 20;

-- certificates that clients refuse, and when they end
SELECT server, subject, issuer, not_after, count() AS failures
FROM tlswhy.handshakes FINAL
WHERE outcome = 'failure' AND NOT benign AND startsWith(cause, 'server_certificate_')
GROUP BY server, subject, issuer, not_after
ORDER BY failures DESC
LIMIT 50;

-- certificates that will end within two weeks
SELECT server, server_port, subject, max(not_after) AS ends
FROM tlswhy.handshakes
WHERE timestamp > now64(6, 'UTC') - INTERVAL 1 DAY AND not_after IS NOT NULL
GROUP BY server, server_port, subject
HAVING ends BETWEEN now('UTC') AND now('UTC') + INTERVAL 14 DAY
ORDER BY ends;

-- first and last seen
SELECT * FROM tlswhy.first_and_last_seen ORDER BY failures DESC, cause, server LIMIT 50;

-- new causes
SELECT cause, server, server_port, first_seen, failures, clients, reason FROM tlswhy.new_causes;

-- what the last failure of a server says to do
SELECT timestamp, reason, JSONExtract(record, 'tlswhy', 'fix', 'Array(String)') AS fix
FROM tlswhy.handshakes
WHERE outcome = 'failure' AND NOT benign
ORDER BY timestamp DESC
LIMIT 1;
