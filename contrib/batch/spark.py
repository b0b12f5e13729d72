# SPDX-License-Identifier: Apache-2.0
"""Map over captures in object storage by Spark's pipe, reduce in SQL.

    spark-submit spark.py s3a://bucket/captures.txt s3a://bucket/records

The first argument is a list of captures, one a line, as tlswhy-map takes them;
tlswhy and tlswhy-map must be in the executors' PATH. The records are written as
Parquet, and the causes are printed.
"""
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("tlswhy").getOrCreate()
captures = spark.sparkContext.textFile(sys.argv[1])
# One capture a task: they are large, and take long.
records = captures.repartition(max(1, captures.count())).pipe("tlswhy-map")
handshakes = spark.read.json(records)
handshakes.write.mode("overwrite").parquet(sys.argv[2])
handshakes.createOrReplaceTempView("handshakes")
spark.sql("""
    SELECT tlswhy.cause, count(*) AS failures,
           count(DISTINCT client.ip) AS clients,
           count(DISTINCT coalesce(tls.client.server_name, server.ip)) AS servers
    FROM handshakes
    WHERE event.outcome = 'failure' AND NOT coalesce(tlswhy.benign, false)
    GROUP BY tlswhy.cause ORDER BY failures DESC
""").show(100, truncate=False)
