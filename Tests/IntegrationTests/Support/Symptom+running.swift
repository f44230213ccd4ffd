extension Symptom {
    static let running: [Symptom] = [
        Symptom(
            name: "a misspelt variable",
            line: #"{"time":"<time>","level":"warning","message":"a variable is not known","#
                + #""logger":"fleet-coordination","found":"LOG_LEVLE","meant":"LOG_LEVEL"}"#
        ) { directory in
            let service = try await ServiceProcess.start(in: directory, ["LOG_LEVLE": "debug"])
            try await service.stop()
            return Printed(errors: service.child.errors)
        },
        Symptom(
            name: "a request without a credential",
            line: problem(
                "unauthenticated", "Authentication required", 401, "<detail>", "/api/v1/fleet-coordination/whoami")
        ) { directory in
            let service = try await ServiceProcess.start(in: directory)
            return Printed(output: try await service.send("GET", "/whoami", key: .some(nil)).text)
        },
        Symptom(
            name: "a credential that is not valid",
            line: problem(
                "invalid_credentials", "Invalid credentials", 401, "The credentials are not valid.",
                "/api/v1/fleet-coordination/whoami")
        ) { directory in
            let service = try await ServiceProcess.start(in: directory)
            return Printed(output: try await service.send("GET", "/whoami", key: "no-such-key").text)
        },
        Symptom(
            name: "a full disk",
            line: problem(
                "storage_full", "Storage full", 507, "There is no space left to store this; nothing was changed.",
                "/api/v1/fleet-coordination/federations")
        ) { directory in
            try await SmallDisk.with(mebibytes: 1, ballast: 0) { disk in
                let service = try await ServiceProcess.start(
                    in: directory, ["DATA_DIR": disk.path, "ADMIN_API_KEY": String(repeating: "k", count: 40)])
                let reply = try await SmallDisk.fill(service)
                try await service.stop()
                return Printed(output: reply.refusal.text)
            }
        },
    ]

    private static func problem(
        _ code: String, _ title: String, _ status: Int, _ detail: String, _ instance: String
    ) -> String {
        #"{"type":"urn:fleet-coordination:problem:\#(code)","title":"\#(title)","status":\#(status),"#
            + #""detail":"\#(detail)","instance":"\#(instance)","code":"\#(code)","request_id":"<id>","#
            + #""retryable":\#(status == 507)}"#
    }
}
