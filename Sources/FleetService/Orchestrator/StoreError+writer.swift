package import FleetDomain
package import FleetStore

extension StoreError {
    /// Whether the store refused what it was given, and not everything.
    var isOfWhatWasStored: Bool {
        switch self {
        case .conflict, .failed, .corrupt: true
        case .full, .busy, .unavailable, .outcomeUnknown, .superseded, .forbidden: false
        }
    }

    /// Whether the log may be another than the writer's memory says.
    var makesMemoryDoubtful: Bool {
        switch self {
        case .outcomeUnknown, .superseded: true
        case .conflict, .full, .busy, .unavailable, .corrupt, .forbidden, .failed: false
        }
    }
}

extension FleetError {
    /// What a caller is told when the store did not do it; the details stay in the log.
    package init(storage error: StoreError) {
        switch error {
        case .full: self.init(.storageFull, "There is no space left to store this; nothing was changed.")
        case .busy: self.init(.storageUnavailable, "The database is too busy; nothing was changed.")
        case .unavailable: self.init(.storageUnavailable, "The database cannot be reached; nothing was changed.")
        case .superseded: self.init(.storageUnavailable, "Another process decides now; nothing was changed.")
        case .outcomeUnknown:
            self.init(.outcomeUnknown, "Whether this was done is not known; ask again with the same Idempotency-Key.")
        case .conflict, .corrupt, .forbidden, .failed:
            self.init(.internalError, "The request could not be carried out.")
        }
    }
}
