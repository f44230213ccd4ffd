package import FleetDomain
package import HTTPTypes

/// How an error code is answered over HTTP.
package struct ErrorPresentation: Sendable {
    package let status: HTTPResponse.Status
    /// One line for people that is the same for every occurrence.
    package let title: String
    /// The same request, sent again later, may succeed.
    package let isRetryable: Bool

    init(_ status: HTTPResponse.Status, _ title: String, isRetryable: Bool = false) {
        self.status = status
        self.title = title
        self.isRetryable = isRetryable
    }
}

extension ErrorCode {
    /// The one table from codes to statuses.
    package var presentation: ErrorPresentation {
        switch self {
        case .malformedRequest: .init(.badRequest, "Malformed request")
        case .malformedJSON: .init(.badRequest, "Malformed JSON")
        case .duplicateKey: .init(.badRequest, "Duplicate key in JSON")
        case .nestingTooDeep: .init(.badRequest, "JSON nested too deep")
        case .invalidEncoding: .init(.badRequest, "Invalid character encoding")
        case .invalidHost: .init(.badRequest, "Invalid Host header")
        case .invalidHeader: .init(.badRequest, "Invalid header")
        case .invalidID: .init(.badRequest, "Invalid id")
        case .invalidPath: .init(.badRequest, "Invalid path")
        case .unknownParameter: .init(.badRequest, "Unknown query parameter")
        case .invalidParameter: .init(.badRequest, "Invalid query parameter")
        case .invalidPageToken: .init(.badRequest, "Invalid page token")
        case .invalidPosition: .init(.badRequest, "Invalid position")
        case .positionOfAnother: .init(.badRequest, "Position of another")
        case .positionInFuture: .init(.badRequest, "Position in the future")
        case .resync: .init(.gone, "Resync needed")
        case .sizeInFuture: .init(.badRequest, "Size in the future")
        case .invalidIdempotencyKey: .init(.badRequest, "Invalid idempotency key")
        case .validationFailed: .init(.unprocessableContent, "Validation failed")

        case .routeNotFound: .init(.notFound, "Route not found")
        case .methodNotAllowed: .init(.methodNotAllowed, "Method not allowed")
        case .notAcceptable: .init(.notAcceptable, "Not acceptable")
        case .unsupportedMediaType: .init(.unsupportedMediaType, "Unsupported media type")
        case .bodyTooLarge: .init(.contentTooLarge, "Body too large")
        case .headersTooLarge: .init(.requestHeaderFieldsTooLarge, "Headers too large")
        case .requestTimeout: .init(.requestTimeout, "Request timeout", isRetryable: true)
        case .expectationFailed: .init(.expectationFailed, "Expectation failed")
        case .preconditionFailed: .init(.preconditionFailed, "Precondition failed")
        case .preconditionRequired: .init(.preconditionRequired, "Precondition required")
        case .idempotencyKeyReused: .init(.unprocessableContent, "Idempotency key reused")
        case .positionNotReached: .init(.serviceUnavailable, "Position not reached", isRetryable: true)

        case .unauthenticated: .init(.unauthorized, "Authentication required")
        case .invalidCredentials: .init(.unauthorized, "Invalid credentials")
        case .permissionDenied: .init(.forbidden, "Permission denied")

        case .federationNotFound: .init(.notFound, "Federation not found")
        case .memberNotFound: .init(.notFound, "Member not found")
        case .fleetNotFound: .init(.notFound, "Fleet not found")
        case .resourceNotFound: .init(.notFound, "Resource not found")
        case .quotaNotFound: .init(.notFound, "Quota not found")
        case .sharingNotFound: .init(.notFound, "Resource sharing not found")
        case .allocationNotFound: .init(.notFound, "Allocation not found")
        case .messageNotFound: .init(.notFound, "Message not found")
        case .deadLetterNotFound: .init(.notFound, "Dead letter not found")
        case .webhookNotFound: .init(.notFound, "Webhook not found")
        case .replayNotFound: .init(.notFound, "Event replay not found")
        case .keyNotFound: .init(.notFound, "API key not found")
        case .recordNotFound: .init(.notFound, "Audit record not found")
        case .checkpointNotFound: .init(.notFound, "Checkpoint not found")

        case .fleetExists: .init(.conflict, "Fleet exists")
        case .resourceExists: .init(.conflict, "Resource exists")
        case .memberExists: .init(.conflict, "Member exists")
        case .fleetInUse: .init(.conflict, "Fleet in use")
        case .fleetErased: .init(.conflict, "Fleet erased")
        case .resourceInUse: .init(.conflict, "Resource in use")
        case .federationHasLiveLeases: .init(.conflict, "Federation has live leases")
        case .invalidTransition: .init(.conflict, "Invalid transition")
        case .alreadyResolved: .init(.conflict, "Already resolved")
        case .fencingTokenStale: .init(.conflict, "Fencing token stale")
        case .consentRequired: .init(.forbidden, "Consent required")
        case .federationAmbiguous: .init(.unprocessableContent, "Federation ambiguous")
        case .messageExists: .init(.conflict, "Message exists")
        case .messageExpired: .init(.conflict, "Message expired")
        case .messageAmbiguous: .init(.conflict, "Message ambiguous")
        case .messageIDReused: .init(.unprocessableContent, "Message id reused")
        case .contentTooLarge: .init(.contentTooLarge, "Content too large")
        case .communicationDisabled: .init(.conflict, "Communication disabled")
        case .signatureInvalid: .init(.unprocessableContent, "Signature invalid")
        case .signatureExpired: .init(.unprocessableContent, "Signature expired")
        case .signatureRequired: .init(.forbidden, "Signature required")
        case .signingKeyUnknown: .init(.unprocessableContent, "Signing key unknown")
        case .nonceReused: .init(.conflict, "Nonce reused")
        case .webhookURLInvalid: .init(.unprocessableContent, "Webhook URL invalid")
        case .webhookURLPrivate: .init(.unprocessableContent, "Webhook URL private")
        case .webhookLimit: .init(.conflict, "Webhook limit")
        case .webhookDisabled: .init(.conflict, "Webhook disabled")
        case .replayRangeInvalid: .init(.unprocessableContent, "Replay range invalid")
        case .replayLimit: .init(.conflict, "Replay limit")
        case .busNotConfigured: .init(.conflict, "Bus not configured")
        case .backlogFull: .init(.conflict, "Backlog full")
        case .sameFleet: .init(.unprocessableContent, "Source and target are the same fleet")
        case .recordNotCovered: .init(.conflict, "Record not covered yet")

        case .federationInactive: .init(.conflict, "Federation inactive")
        case .memberInactive: .init(.conflict, "Member inactive")
        case .sharingDisabled: .init(.conflict, "Sharing disabled")
        case .policyForbids: .init(.conflict, "Policy forbids")
        case .resourceUnavailable: .init(.conflict, "Resource unavailable")
        case .unitNotReturned: .init(.conflict, "Unit not returned")
        case .windowConflict: .init(.conflict, "Window conflict")
        case .capacityExceeded: .init(.conflict, "Capacity exceeded")
        case .lendingLimit: .init(.conflict, "Lending limit")
        case .borrowingLimit: .init(.conflict, "Borrowing limit")
        case .queuedAhead: .init(.conflict, "Queued ahead")
        case .unavailable: .init(.conflict, "Unavailable")

        case .internalError: .init(.internalServerError, "Internal error")
        case .overloaded: .init(.serviceUnavailable, "Overloaded", isRetryable: true)
        case .deadlineExceeded: .init(.serviceUnavailable, "Deadline exceeded", isRetryable: true)
        case .storageFull: .init(.insufficientStorage, "Storage full", isRetryable: true)
        case .storageUnavailable: .init(.serviceUnavailable, "Storage unavailable", isRetryable: true)
        case .outcomeUnknown: .init(.serviceUnavailable, "Outcome unknown", isRetryable: true)
        case .shuttingDown: .init(.serviceUnavailable, "Shutting down", isRetryable: true)
        }
    }
}

extension HTTPResponse.Status {
    static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
