-- SPDX-License-Identifier: Apache-2.0
-- Takes records from the topic that `tlswhy --kafka BROKERS/TOPIC` writes. Change
-- the brokers and the topic; passwords and TLS stand in the server's <kafka>
-- configuration. To change this table later, drop it and run the file again: the
-- place in the topic is the consumer group's.

CREATE TABLE IF NOT EXISTS tlswhy.kafka (record String)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'localhost:9092',
    kafka_topic_list = 'tlswhy',
    kafka_group_name = 'clickhouse-tlswhy',
    kafka_format = 'JSONAsString',
    kafka_num_consumers = 1,
    kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW IF NOT EXISTS tlswhy.from_kafka TO tlswhy.inbox AS
SELECT record FROM tlswhy.kafka WHERE length(_error) = 0;
