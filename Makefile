# Everything a newcomer needs; `make help` lists it. Debug and release builds share SwiftPM's default scratch path,
# .build, and no target changes a build flag but the configuration, so nothing is ever built twice.

SERVICE := .build/release/fleet-coordination
# promtool and the OpenAPI validator, where scripts/install-dependencies had to fetch them.
WITH_TEST_TOOLS := PATH="$(CURDIR)/.build/test-venv/bin:$$PATH"
RECKONING := FleetDomainTests|SimulationTests|IntegrationTests
LATENESS := DependencyMonitorTests|FleetHTTPTests\.(EdgeConnection|EventStream|Webhook|Sink|EventReplay)Tests
# What talks to servers that are not in this process: of make test-integration.
SERVERS := KafkaBackendTests|ClickHouseBackendTests|RedisBackendTests|PostgresBackendTests

.DEFAULT_GOAL := help

# Two of these at once would only wait for each other's build.
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@awk -F ' *## ' '/^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the service for use; installs missing system packages first
	@scripts/install-dependencies build
	swift build -c release --product fleet-coordination

.PHONY: run
run: build ## Build the service and start it
	@exec $(SERVICE) serve

.PHONY: migrate
migrate: build ## Bring the database's schema up to date
	@exec $(SERVICE) migrate

.PHONY: dev-deps
dev-deps: ## Start PostgreSQL, Redis, ClickHouse and a Kafka-compatible broker; installs what is missing, and prints what to export
	@scripts/dev-deps start

.PHONY: dev-deps-stop
dev-deps-stop: ## Stop these servers, and delete what they hold
	@scripts/dev-deps stop

.PHONY: dev-cluster
dev-cluster: build ## Start these servers, three replicas of the service and HAProxy before them, and print the one address
	@scripts/dev-cluster start

.PHONY: dev-cluster-stop
dev-cluster-stop: ## Stop all of these, and delete what they hold
	@scripts/dev-cluster stop

.PHONY: test
test: ## Check layout and rules, then run the fast tests: every one that needs no server, on a part of many like cases
	@scripts/install-dependencies build
	@scripts/install-dependencies test
	@scripts/lint
	swift build --build-tests
	@# What reckons for long goes with what waits for other programs; what talks to a service in this process and what measures
	@# lateness hold each other up, so one after the other.
	$(WITH_TEST_TOOLS) scripts/run-tests --filter '$(RECKONING)'
	$(WITH_TEST_TOOLS) scripts/run-tests --skip '$(RECKONING)|$(SERVERS)|FleetHTTPTests|DependencyMonitorTests'
	$(WITH_TEST_TOOLS) scripts/run-tests --filter FleetHTTPTests --skip '$(LATENESS)'
	$(WITH_TEST_TOOLS) scripts/run-tests --filter '$(LATENESS)'

.PHONY: test-integration
test-integration: ## Run everything on real servers, which it starts, each with each fault, and every case of what make test takes a part of
	@scripts/install-dependencies build
	@scripts/install-dependencies test
	@scripts/install-dependencies servers
	swift build --build-tests
	$(WITH_TEST_TOOLS) scripts/test-integration

.PHONY: test-versions
test-versions: ## Run the stores' tests on PostgreSQL 13 and 17, Redis 6 and 8, and Valkey; takes root
	@scripts/install-dependencies build
	@scripts/install-dependencies test
	@scripts/install-dependencies servers
	swift build --build-tests
	$(WITH_TEST_TOOLS) scripts/test-integration versions

.PHONY: test-simulation
test-simulation: ## Run two thousand simulated histories of the writer, and the crowded ones of queue and preemption
	@scripts/install-dependencies build
	swift build --build-tests
	FLEET_SIMULATION_SEEDS=2000 scripts/run-tests --filter SimulationTests
	FLEET_SLOW=1 scripts/run-tests --filter 'QueuePropertyTests|PreemptionPropertyTests'

.PHONY: test-planted
test-planted: ## Plant one bug after the other, and say which seed of the simulation finds it
	@scripts/install-dependencies build
	@scripts/plant-bugs

.PHONY: test-load
test-load: build ## Measure the release build under load; PROFILE=1 also says where the time goes
	@scripts/install-dependencies load
	@$(if $(PROFILE),scripts/install-dependencies profile)
	swift build -c release --product LoadBaseline
	scripts/test-load

.PHONY: test-load-engines
test-load-engines: build ## Measure decisions on SQLite, on PostgreSQL by one replica and by three, beside pgbench, and what Kafka, ClickHouse and Redis change
	@scripts/install-dependencies load
	scripts/test-load-engines

.PHONY: test-cluster
test-cluster: build ## Kill each process of such a cluster, of its own, under load, and check that nothing is lost or doubled
	@export DEV_DEPS_DIR=$${SERVERS_DIR:-.build/test-cluster} && trap 'scripts/dev-cluster stop' EXIT && \
		trap 'exit 130' INT TERM && \
		scripts/dev-cluster start && python3 scripts/load/kill-any.py

.PHONY: bench
bench: ## Measure the engine, the queue, a start and the metrics alone, and compare how plans are divided with what others compute
	@scripts/install-dependencies build
	@scripts/install-dependencies bench
	swift build -c release --product PlannerBench
	swift build -c release --product DivisionBench
	swift build -c release --product MetricsBench
	swift build -c release --product StartBench
	.build/release/PlannerBench
	.build/release/PlannerBench queue
	.build/release/PlannerBench binding
	.build/release/MetricsBench
	.build/release/StartBench
	.build/bench-venv/bin/python3 scripts/bench/compare-division.py

.PHONY: bench-history
bench-history: build ## Measure summaries over 100 million events in ClickHouse, beside those of the program BESIDE; takes 10 GB of disk for a while
	@scripts/install-dependencies servers
	@python3 scripts/bench/clickhouse-history.py $(SERVICE) $(BESIDE)

.PHONY: bench-kafka
bench-kafka: build ## Let a million events pile up while no broker is there, and drain them
	@scripts/install-dependencies servers
	@LD_LIBRARY_PATH=.build/server-tools/librdkafka .build/server-venv/bin/python3 scripts/load/kafka-pile-up.py $(SERVICE)

.PHONY: test-slow
test-slow: ## Run every test that needs no server, the slow ones too, one after the other
	@scripts/install-dependencies build
	@scripts/install-dependencies test
	swift build --build-tests
	$(WITH_TEST_TOOLS) FLEET_SLOW=1 scripts/run-tests --no-parallel # beside the slow ones, tests of time limits fail

.PHONY: format
format: ## Format the sources in place
	swift format --in-place --parallel --recursive Sources Tests Package.swift

.PHONY: lint
lint: ## Check layout and the rules that a search can check
	@scripts/lint

.PHONY: clean
clean: ## Delete what was built; what was downloaded stays
	swift package clean
