// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Links in a fraction of the time. The tests are one program, so one of their targets says it for all.
let lld: [LinkerSetting] = [.unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux]))]

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let posix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
    name: "fleet-coordination",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "fleet-coordination", targets: ["fleet-coordination"])
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .target(name: "FleetJSON", swiftSettings: strict),
        .target(
            name: "FleetDomain",
            dependencies: [
                "FleetJSON", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(name: "FleetStore", dependencies: ["FleetDomain", "FleetJSON"], swiftSettings: strict),
        .target(
            name: "FleetService",
            dependencies: [
                "FleetStore", "FleetDomain", "FleetJSON", crypto, logging, lifecycle, httpClient, nio, posix, nioHTTP,
                nioSSL,
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "FleetHTTP",
            dependencies: [
                "FleetService", "FleetStore", "FleetDomain", "FleetJSON", hummingbird, crypto, logging, lifecycle, nio,
                posix, nioHTTP, httpClient, httpTypes,
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: strict),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "SQLiteBackend", dependencies: ["FleetStore", "FleetDomain", "CSQLite", nio, posix],
            swiftSettings: strict),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "PostgresBackend", dependencies: ["FleetStore", "FleetDomain", "CPostgres", posix],
            swiftSettings: strict),
        .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .target(
            name: "KafkaBackend", dependencies: ["FleetService", "FleetJSON", "CRdKafka", logging, posix],
            swiftSettings: strict),
        // Not by pkg-config, whose flags for it SwiftPM warns of.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .target(
            name: "RedisBackend",
            dependencies: [
                "FleetService", "FleetDomain", "CHiredis", crypto, lifecycle, nio, posix, nioSSL,
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(
            name: "ClickHouseBackend",
            dependencies: [
                "FleetService", "FleetDomain", "FleetJSON", httpClient, nio, nioHTTP, nioSSL,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "fleet-coordination",
            dependencies: [
                "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "PostgresBackend", "KafkaBackend", "RedisBackend", "ClickHouseBackend",
                hummingbird, crypto, logging, lifecycle, nioSSL,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict, linkerSettings: lld),

        .target(
            name: "FleetTestSupport",
            dependencies: [
                "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "PostgresBackend",
                hummingbird, logging, lifecycle, nio, nioHTTP, httpClient,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "LoadBaseline", dependencies: [hummingbird, logging], path: "Tests/LoadBaseline",
            swiftSettings: strict, linkerSettings: lld),
        .executableTarget(
            name: "DivisionBench", dependencies: ["FleetDomain", "FleetJSON"], path: "Tests/DivisionBench",
            swiftSettings: strict, linkerSettings: lld),
        .executableTarget(
            name: "PlannerBench", dependencies: ["FleetDomain", "FleetJSON"], path: "Tests/PlannerBench",
            swiftSettings: strict, linkerSettings: lld),
        .executableTarget(
            name: "MetricsBench", dependencies: ["FleetService", "FleetStore", "FleetDomain", "SQLiteBackend"],
            path: "Tests/MetricsBench", swiftSettings: strict, linkerSettings: lld),
        .executableTarget(
            name: "StartBench", dependencies: ["FleetStore", "FleetDomain", "SQLiteBackend"],
            path: "Tests/StartBench", swiftSettings: strict, linkerSettings: lld),
        .executableTarget(
            name: "RedisBench",
            dependencies: [
                "RedisBackend", "FleetService", "FleetStore", "FleetDomain", "SQLiteBackend", logging, lifecycle,
            ],
            path: "Tests/RedisBench", swiftSettings: strict, linkerSettings: lld),
        .target(name: "CPowerLossVFS", dependencies: ["CSQLite"]),
        .testTarget(name: "FleetJSONTests", dependencies: ["FleetJSON"], swiftSettings: strict),
        .testTarget(
            name: "FleetDomainTests", dependencies: ["FleetDomain", "FleetJSON", "FleetTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "SQLiteBackendTests",
            dependencies: ["SQLiteBackend", "FleetStore", "FleetDomain", "FleetTestSupport", "CPowerLossVFS"],
            swiftSettings: strict),
        .testTarget(
            name: "PostgresBackendTests",
            dependencies: ["PostgresBackend", "CPostgres", "FleetStore", "FleetDomain", "FleetTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "FleetHTTPTests",
            dependencies: [
                "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "FleetTestSupport", hummingbird, crypto, logging, lifecycle, nio, posix, nioHTTP, httpClient, httpTypes,
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "FleetStoreTests",
            dependencies: ["FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend", "FleetTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "FleetServiceTests",
            dependencies: [
                "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend", "FleetTestSupport", crypto,
                logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "KafkaBackendTests",
            dependencies: [
                "KafkaBackend", "CRdKafka", "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON",
                "FleetTestSupport", logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RedisBackendTests",
            dependencies: [
                "RedisBackend", "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend",
                "FleetTestSupport", crypto, logging, lifecycle, nio, posix, httpTypes,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "FleetService", "FleetStore", "FleetDomain", "FleetJSON", "SQLiteBackend", "FleetTestSupport", logging,
                lifecycle,
            ],
            exclude: ["Planted"], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["FleetJSON", "FleetTestSupport", "CSQLite", httpClient, nio, nioHTTP, posix],
            swiftSettings: strict),
        .testTarget(
            name: "ClickHouseBackendTests",
            dependencies: [
                "ClickHouseBackend", "FleetHTTP", "FleetService", "FleetStore", "FleetDomain", "FleetJSON",
                "SQLiteBackend",
                "FleetTestSupport", logging, lifecycle, httpClient, nio, nioHTTP, posix,
            ],
            swiftSettings: strict),
        .testTarget(name: "ArchitectureTests", swiftSettings: strict, linkerSettings: lld),
    ]
)
