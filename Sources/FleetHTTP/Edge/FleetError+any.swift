internal import FleetDomain
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

extension FleetError {
    /// The error of the API that stands for `error`, or nil for one that only a defect can throw.
    ///
    /// - Parameter isOverdue: the request was cancelled because it ran too long.
    init?(anError error: any Error, isOverdue: Bool) {
        switch error {
        case let error as FleetError: self = error
        case let stored as StoredRefusal: self = stored.error
        case is WrongMethod: self.init(.methodNotAllowed, "The method is not allowed here; Allow lists those that are.")
        case is CancellationError where isOverdue: self.init(.deadlineExceeded, "The request was not answered in time.")
        case is CancellationError: self.init(.shuttingDown, "The service is shutting down.")
        case is NIOTooManyBytesError: self.init(.bodyTooLarge, "The body is too large.")
        case let error as any HTTPResponseError:
            guard let code = ErrorCode(error.status) else { return nil }
            self.init(code, code.presentation.title + ".")
        default: return nil
        }
    }
}

extension ErrorCode {
    /// The code for an error of which only the status is known.
    fileprivate init?(_ status: HTTPResponse.Status) {
        switch status.code {
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .routeNotFound
        case 405: self = .methodNotAllowed
        case 406: self = .notAcceptable
        case 408: self = .requestTimeout
        case 413: self = .bodyTooLarge
        case 415: self = .unsupportedMediaType
        case 417: self = .expectationFailed
        case 422: self = .validationFailed
        case 431: self = .headersTooLarge
        case 400..<500: self = .malformedRequest
        case 503: self = .overloaded
        default: return nil
        }
    }
}
