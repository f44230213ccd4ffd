/// Why ClickHouse could not be used. What it says goes to the log and into `/health`, so it holds no secret.
enum ClickHouseError: Error, CustomStringConvertible, Equatable {
    /// It answered with an exception of its own.
    case refused(code: Int, String)
    case unreachable(String)
    /// It answers, and is not what is needed.
    case unusable(String)
    /// Its answer cannot be understood.
    case malformed(String)

    /// The exceptions that have a reason of ours.
    private enum Code {
        static let accessDenied = 497
        static let unknownDatabase = 81
        /// The three after the first are of releases before 20.
        static let authentication = [516, 192, 193, 194]
    }

    /// Bytes of its words that are handed on: its exceptions may quote whole statements.
    private static let wordsMax = 300

    /// - Parameter body: what came instead of an answer.
    init(status: Int, code: String?, body: [UInt8]) {
        let words = String(decoding: body.prefix(4096), as: UTF8.self)
        // Releases before 21 say the code in their words alone.
        let digits = words.hasPrefix("Code: ") ? words.dropFirst(6).prefix { $0.isNumber } : ""
        guard let code = code.flatMap({ Int($0) }) ?? Int(digits) else {
            self = .malformed("it answered with status \(status), as something else than ClickHouse would")
            return
        }
        self = .refused(code: code, Self.short(words))
    }

    private static func short(_ words: String) -> String {
        var text = words.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        if let exception = text.firstRange(of: "DB::Exception: ") { text = String(text[exception.upperBound...]) }
        if let version = text.firstRange(of: " (version ") { text = String(text[..<version.lowerBound]) }
        return text.utf8.count > wordsMax ? String(text.prefix(wordsMax)) + "…" : text
    }

    var code: Int? { if case .refused(let code, _) = self { code } else { nil } }

    var description: String {
        switch self {
        case .refused(let code, _) where Code.authentication.contains(code):
            "the user name or the password is wrong"
        case .refused(Code.unknownDatabase, _): "the database does not exist; create it"
        case .refused(Code.accessDenied, let words): "the user may not do what is needed: \(words)"
        case .refused(let code, let words): "it refused, code \(code): \(words)"
        case .unreachable(let how): how
        case .unusable(let why): why
        case .malformed(let what): what
        }
    }
}
