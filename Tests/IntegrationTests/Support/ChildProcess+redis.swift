import Foundation

extension ChildProcess {
    /// Debian's redis-tools has the server under another name: it is what it is called.
    private static let redisProgram = "/usr/bin/redis-check-rdb"

    /// Says loudly that nothing was tested.
    static let isRedisInstalled: Bool = {
        let isInstalled = FileManager.default.isExecutableFile(atPath: redisProgram)
        if !isInstalled {
            FileHandle.standardError.write(
                Data("SKIPPED: the tests of Redis need redis-tools; run scripts/install-dependencies test\n".utf8))
        }
        return isInstalled
    }()

    /// A Redis on that port of the loopback address.
    static func redis(in directory: ScratchDirectory, port: Int, password: String) throws -> ChildProcess {
        let program = directory.path + "/redis-server"
        if !FileManager.default.fileExists(atPath: program) {
            try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: redisProgram)
        }
        let settings = ["--bind", "127.0.0.1", "--port", "\(port)", "--save", "", "--requirepass", password]
        return try ChildProcess(program, settings, in: directory.path)
    }
}
