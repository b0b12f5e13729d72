# SPDX-License-Identifier: Apache-2.0
# fish completion for tlswhy(1)

function __tlswhy_interfaces
    echo any
    for name in /sys/class/net/*
        string replace -r '.*/' '' $name
    end
end

complete -c tlswhy -s i -l interface -x -a '(__tlswhy_interfaces)' -d 'Capture live'
complete -c tlswhy -s D -l list-interfaces -d 'List interfaces and exit'
complete -c tlswhy -s r -l read -r -d 'Read a capture'
complete -c tlswhy -s a -l all -d 'Report successful connections too'
complete -c tlswhy -s f -l format -x -a 'text json csv html none' -d 'Output format'
complete -c tlswhy -s o -l output -r -d 'Write to a file'
complete -c tlswhy -l rotate -x -d 'Begin the output file anew after SIZE or TIME'
complete -c tlswhy -l summary -d 'Print totals at the end'
complete -c tlswhy -l no-summary -d 'Print no totals'
complete -c tlswhy -l ca -r -d 'Trust anchors, or none'
complete -c tlswhy -l keylog -r -d 'TLS secrets (SSLKEYLOGFILE)'
complete -c tlswhy -l extract -x -a '(__fish_complete_directories)' -d 'Each failed connection to a pcapng there'
complete -c tlswhy -l annotate -r -d 'Failed connections to one pcapng with comments'
complete -c tlswhy -l top -d 'A live screen instead of lines'
complete -c tlswhy -l redact -d 'Pseudonyms for addresses and names'
complete -c tlswhy -l handshake-timeout -x -d 'Seconds of silence that count as failed'
complete -c tlswhy -l max-flows -x -d 'Bound on connections kept'
complete -c tlswhy -l max-memory -x -d 'Bound on memory'
complete -c tlswhy -l workers -x -d 'Threads that analyse'
complete -c tlswhy -s B -l buffer-size -x -d 'Kernel capture buffer in KiB'
complete -c tlswhy -s s -l snapshot-length -x -d 'Bytes kept of a packet'
complete -c tlswhy -s p -l no-promiscuous-mode -d 'Never promiscuous'
complete -c tlswhy -l compare -d 'Compare two captures of the same traffic'
complete -c tlswhy -s N -l names -d 'Names of addresses from DNS answers in the capture'
complete -c tlswhy -l explain -d 'Print the rules behind each verdict'
complete -c tlswhy -l exit-code -d 'Exit with 1 when a failed handshake was found'
complete -c tlswhy -l metrics -r -d 'Counters for Prometheus: [ADDRESS:]PORT or FILE.prom'
complete -c tlswhy -l metrics-servers -x -d 'Servers with counters of their own'
complete -c tlswhy -l syslog -d 'Failures to the system log'
complete -c tlswhy -l kafka -x -d 'Records to Kafka: BROKERS/TOPIC'
complete -c tlswhy -l kafka-property -x -d 'Setting of librdkafka: NAME=VALUE'
complete -c tlswhy -l redis -x -d 'Records to a Redis stream: URL'
complete -c tlswhy -l spill -r -d 'Keep there what cannot be sent yet: DIR[,SIZE]'
complete -c tlswhy -l config -r -d 'Options from a file'
complete -c tlswhy -l check-config -d 'Check the configuration and exit'
complete -c tlswhy -l user -x -a '(__fish_complete_users)' -d 'Whom root becomes'
complete -c tlswhy -l no-relief -d 'Have the packets of settled connections, too'
complete -c tlswhy -l no-sandbox -d 'Keep all rights'
complete -c tlswhy -s v -l verbose -d 'Say more'
complete -c tlswhy -s q -l quiet -d 'Say less'
complete -c tlswhy -l no-color -d 'No colours'
complete -c tlswhy -s h -l help -d 'Print help and exit'
complete -c tlswhy -s V -l version -d 'Print versions and exit'
