import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Testing

@Suite("A webhook", .timeLimit(.minutes(2)))
struct WebhookTests {
    @Test("is pushed what its fleet may see, signed by both keys, and takes its messages by it")
    func push() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register()
            #expect(webhook.status == 201 && webhook.headers["location"]?.hasSuffix(webhook.text("webhook_id")) == true)
            #expect(webhook.text("secret").hasPrefix("whsec_") && webhook.text("fleet_id") == "blue")
            let id = try await stage.send(#"{"n":12345678901234567890}"#)
            try await stage.receiver.waitFor(1)
            let request = try #require(stage.receiver.requests.first)
            #expect(request.isSigned(with: webhook.text("secret")))
            #expect(request.isSigned(by: webhook.text("public_key")))
            #expect(request.headers["webhook-id"] == request.event.text("id"))
            #expect(request.headers["content-type"] == "application/cloudevents+json")
            #expect(String(decoding: request.body, as: UTF8.self).contains("12345678901234567890"))
            #expect(request.event["data"]?.objectValue?.text("message_id") == id)
            try await eventually { try await stage.status(id) == "delivered" }
            let message = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("red")))
            #expect(message["attempts"]?.integerValue == 1)
            let delivery = try await stage.delivery(of: webhook, after: 1)
            #expect(delivery.text("status") == "delivered" && delivery["http_status"]?.integerValue == 204)
            let read = try await stage.service.ok(
                "GET", "/webhooks/\(webhook.text("webhook_id"))", key: .some(stage.key("blue")))
            #expect(read["secret"] == nil && read.text("url") == stage.receiver.url())
        }
    }

    @Test("is pushed everything in order that it asked for, and nothing of others")
    func order() async throws {
        try await WebhookStage.run { stage in
            try await stage.register("blue", types: nil)
            for index in 0..<30 { try await stage.send("\(index)") }
            try await stage.service.ok("PATCH", "/fleets/red", #"{"name":"Red"}"#)
            try await stage.service.ok("PATCH", "/fleets/blue", #"{"name":"Blue"}"#)
            try await eventually {
                let types = stage.receiver.types
                return types.contains("fleet.updated") && types.count { $0 == "message.accepted" } == 30
            }
            let messages = stage.receiver.requests.filter { $0.type == "message.accepted" }
            let contents = messages.map { $0.event["data"]?.objectValue?["message_content"]?.integerValue }
            #expect(contents == (0..<30).map { Int64($0) })
            let updated = stage.receiver.requests.filter { $0.type == "fleet.updated" }
            #expect(updated.map { $0.event.text("subject") } == ["blue"])
        }
    }

    @Test("is pushed nothing while the process is not sure that it decides, and all of it afterwards")
    func unsure() async throws {
        try await WebhookStage.run { stage in
            try await stage.register()
            try await stage.send()
            try await stage.receiver.waitFor(1)
            // As where the database cannot be asked, and another may have been elected.
            let changes = stage.service.api.orchestrator.committed.changes
            changes.trust(until: .now)
            try await stage.send()
            try await Task.sleep(for: .milliseconds(500))
            #expect(stage.receiver.requests.count == 1)
            changes.trust(until: .now + .seconds(600))
            try await stage.receiver.waitFor(2)
        }
    }

    @Test("is tried again by the schedule, and what follows in the lane waits while other lanes go on")
    func retries() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond { request in
                let isFirst = request.event["data"]?.objectValue?["message_content"]?.stringValue == "bad"
                return WebhookReceiver.Answer(status: isFirst ? 500 : 204)
            }
            let webhook = try await stage.register()
            let first = try await stage.send(#""bad""#, more: #","ordering_key":"a""#)
            let failed = try await stage.delivery(of: webhook, after: 1)
            #expect(failed.text("status") == "pending" && failed["http_status"]?.integerValue == 500)
            let second = try await stage.send(#""behind""#, more: #","ordering_key":"a""#)
            let other = try await stage.send(#""beside""#, more: #","ordering_key":"b""#)
            try await eventually { try await stage.status(other) == "delivered" }
            #expect(try await stage.status(second) == "accepted" && stage.receiver.requests.count == 2)
            await stage.service.advance(by: 6)
            try await eventually {
                try await stage.deliveries(of: webhook).contains { $0["attempts"]?.integerValue == 2 }
            }
            #expect(try await stage.status(first) == "accepted")
            stage.receiver.respond(204)
            await stage.service.advance(by: 331)
            try await eventually { try await stage.status(second) == "delivered" }
            let message = try await stage.service.ok("GET", "/messages/\(first)", key: .some(stage.key("red")))
            #expect(message.text("status") == "delivered" && message["attempts"]?.integerValue == 3)
            let contents = stage.receiver.requests.map { $0.event["data"]?.objectValue?.text("message_content") }
            #expect(contents == ["bad", "beside", "bad", "bad", "behind"])
        }
    }

    @Test("is pushed warnings from when it takes messages, and none of before")
    func takesMessagesLater() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register(types: ["fleet.updated"])
            let path = "/webhooks/\(webhook.text("webhook_id"))"
            func warn(_ text: String) async throws {
                try await stage.send("\"\(text)\"", more: #","class":"safety""#)
                // Of which the sink's place takes note.
                try await stage.service.ok("PATCH", "/fleets/blue", #"{"name":"\#(text)"}"#)
            }
            func take(_ types: String) async throws {
                try await stage.service.ok(
                    "PATCH", path, #"{"event_types":[\#(types)]}"#, key: .some(stage.key("blue")))
            }
            func warnings() -> [String] {
                stage.receiver.requests.compactMap {
                    $0.event["data"]?.objectValue?["message_content"]?.stringValue
                }
            }
            var expected: [String] = []
            for round in 0..<2 {
                try await warn("before \(round)")
                // The sink has read beyond the warning.
                try await eventually {
                    stage.receiver.requests.contains {
                        $0.event["data"]?.objectValue?.text("name") == "before \(round)"
                    }
                }
                try await take(#""fleet.updated","message.accepted""#)
                try await warn("since \(round)")
                expected.append("since \(round)")
                let wanted = expected
                try await eventually { warnings().count >= wanted.count }
                #expect(warnings() == wanted)
                try await take(#""fleet.updated""#)
            }
        }
    }

    @Test("used up makes a dead letter, which can be put on its way again")
    func deadLetter() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(500)
            let webhook = try await stage.register()
            let id = try await stage.send(more: #","class":"safety""#)
            for attempt: Int64 in 1...5 {
                _ = try await stage.delivery(of: webhook, after: attempt)
                await stage.service.advance(by: 10)
            }
            try await eventually { try await stage.status(id) == "dead_lettered" }
            #expect(stage.receiver.requests.count == 5)
            let letters = try await stage.service.ok("GET", "/dead-letters", key: .some(stage.key("blue")))
            let letter = try #require(letters.rows("dead_letters").first)
            #expect(letter.text("message_id") == id && letter["attempts"]?.integerValue == 5)
            #expect(letter.text("status_reason") == "pushes_used_up")
            #expect(try await stage.delivery(of: webhook, after: 5).text("status") == "failed")

            stage.receiver.respond(204)
            let path = "/dead-letters/\(letter.text("log_id"))/redrive"
            let put = try await stage.service.ok("POST", path, key: .some(stage.key("blue")))
            #expect(put.status == 202 && put.text("status") == "accepted")
            try await eventually { try await stage.status(id) == "delivered" }
            let last = try #require(stage.receiver.requests.last)
            #expect(last.event["data"]?.objectValue?.text("message_id") == id)
            #expect(last.headers["webhook-id"] == stage.receiver.requests.first?.headers["webhook-id"])
            try await stage.service.refused(
                404, "dead_letter_not_found", "POST", path, key: .some(stage.key("blue")))
        }
    }

    @Test("is disabled by 410 and goes on where it was when it is active again")
    func gone() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(410)
            let webhook = try await stage.register()
            let id = try await stage.send()
            let path = "/webhooks/\(webhook.text("webhook_id"))"
            let blue: String?? = .some(stage.key("blue"))
            try await eventually { try await stage.service.ok("GET", path, key: blue).text("status") == "disabled" }
            #expect(try await stage.service.ok("GET", path, key: blue).text("status_reason") == "gone")
            try await stage.service.refused(409, "webhook_disabled", "POST", path + "/test", key: blue)
            let later = try await stage.send()
            stage.receiver.respond(204)
            try await stage.service.ok("PATCH", path, #"{"status":"active"}"#, key: blue)
            try await eventually { try await stage.status(later) == "delivered" }
            #expect(try await stage.status(id) == "delivered")
            #expect(
                stage.receiver.requests.map { $0.event["data"]?.objectValue?.text("message_id") } == [id, id, later])
        }
    }

    @Test("that asks for rest by Retry-After gets it")
    func retryAfter() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(429, [("retry-after", "600")])
            let webhook = try await stage.register()
            try await stage.send(more: #","ordering_key":"a""#)
            _ = try await stage.delivery(of: webhook, after: 1)
            stage.receiver.respond(204)
            let other = try await stage.send(more: #","ordering_key":"b""#)
            await stage.service.advance(by: 400)
            // A warning has a way of its own, and shows that time was enough for the rest.
            let warning = try await stage.send(more: #","class":"safety""#)
            try await eventually { try await stage.status(warning) == "delivered" }
            #expect(try await stage.status(other) == "accepted" && stage.receiver.requests.count == 2)
            await stage.service.advance(by: 300)
            try await eventually { try await stage.status(other) == "delivered" }
        }
    }

    @Test("is not led elsewhere by a redirect, and not held up by who does not answer")
    func redirect() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(302, [("location", stage.receiver.url("/elsewhere"))])
            let webhook = try await stage.register()
            try await stage.send()
            let failed = try await stage.delivery(of: webhook, after: 1)
            #expect(failed["http_status"]?.integerValue == 302 && failed.text("status") == "pending")
            #expect(stage.receiver.requests.map(\.path) == ["/hook"])
        }
    }

    @Test("is signed by the secret before and the new one for a day after a rotation")
    func rotation() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register()
            let rotated = try await stage.act("rotate-secret", on: webhook)
            #expect(rotated.text("secret") != webhook.text("secret"))
            #expect(rotated.text("public_key") != webhook.text("public_key"))
            try await stage.send()
            try await stage.receiver.waitFor(1)
            let during = try #require(stage.receiver.requests.first)
            for reply in [webhook, rotated] {
                #expect(during.isSigned(with: reply.text("secret")) && during.isSigned(by: reply.text("public_key")))
            }
            await stage.service.advance(by: 86_401)
            try await stage.send()
            try await stage.receiver.waitFor(2)
            let after = try #require(stage.receiver.requests.last)
            #expect(after.isSigned(with: rotated.text("secret")) && !after.isSigned(with: webhook.text("secret")))
        }
    }

    @Test("is pushed a test whatever its filter")
    func test() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register()
            #expect(try await stage.act("test", on: webhook).status == 202)
            try await stage.receiver.waitFor(1)
            #expect(stage.receiver.types == ["webhook.tested"])
            #expect(stage.receiver.requests.first?.event.text("subject") == webhook.text("webhook_id"))
        }
    }

    @Test("is no more when its fleet's data is erased, until another secret signs")
    func erased() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register()
            let path = "/webhooks/\(webhook.text("webhook_id"))"
            let blue: String?? = .some(stage.key("blue"))
            try await stage.service.ok("POST", "/fleets/blue/erase", key: blue)
            let disabled = try await stage.service.ok("GET", path, key: blue)
            #expect(disabled.text("status") == "disabled" && disabled.text("status_reason") == "fleet_erased")
            try await stage.service.refused(409, "fleet_erased", "PATCH", path, #"{"status":"active"}"#, key: blue)
            let rotated = try await stage.act("rotate-secret", on: webhook)
            try await stage.service.ok("PATCH", path, #"{"status":"active"}"#, key: blue)
            try await stage.send()
            try await stage.receiver.waitFor(1)
            #expect(stage.receiver.requests.first?.isSigned(with: rotated.text("secret")) == true)
        }
    }

    @Test("is pushed no message after its time, nor one that was answered meanwhile")
    func expired() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(500)
            let webhook = try await stage.register()
            let late = try await stage.send(more: #","ttl_seconds":60,"ordering_key":"a""#)
            _ = try await stage.delivery(of: webhook, after: 1)
            let answered = try await stage.send(more: #","ordering_key":"b""#)
            try await eventually {
                try await stage.deliveries(of: webhook).count { $0["attempts"]?.integerValue == 1 } == 2
            }
            stage.receiver.respond(204)
            try await stage.service.ok("POST", "/messages/\(answered)/acknowledge", key: .some(stage.key("blue")))
            await stage.service.advance(by: 400)
            try await eventually { try await stage.deliveries(of: webhook, "?status=pending").isEmpty }
            #expect(try await stage.deliveries(of: webhook, "?status=dropped").count == 2)
            #expect(try await stage.status(late) == "expired" && stage.receiver.requests.count == 2)
        }
    }

    @Test("holds nothing up behind a message whose time is over")
    func cutByTime() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(500)
            let webhook = try await stage.register()
            let late = try await stage.send(more: #","ttl_seconds":60"#)
            _ = try await stage.delivery(of: webhook, after: 1)
            await stage.service.advance(by: 6)
            _ = try await stage.delivery(of: webhook, after: 2)
            let behind = try await stage.send()
            stage.receiver.respond(204)
            await stage.service.advance(by: 60)
            try await eventually { try await stage.status(behind) == "delivered" }
            #expect(try await stage.status(late) == "expired" && stage.receiver.requests.count == 3)
        }
    }

    @Test("is for who may read what it is pushed, and shows its path to none but its fleet")
    func permissions() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register(path: "/hook/secret-path")
            let id = webhook.text("webhook_id")
            let narrow = try await stage.service.key(
                [.service], fleets: [apiName("blue")], scopes: [.communicationManage])
            let body = #"{"url":"\#(stage.receiver.url())"}"#
            try await stage.service.refused(403, "permission_denied", "POST", "/webhooks", body, key: .some(narrow))
            try await stage.service.refused(
                403, "permission_denied", "PATCH", "/webhooks/\(id)", body, key: .some(narrow))
            let auditor = try await stage.service.key([.auditor])
            let events = try await stage.service.ok("GET", "/events", key: .some(auditor))
            #expect(events.body.contains(id) && !events.body.contains("secret-path"))
            let red = try await stage.service.ok("GET", "/events", key: .some(stage.key("red")))
            #expect(!red.body.contains(id))
            try await stage.service.refused(
                404, "webhook_not_found", "GET", "/webhooks/\(id)", key: .some(stage.key("red")))
        }
    }

    @Test("whose filter is changed gets what comes, not what was")
    func filter() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register()
            for name in ["A", "B"] { try await stage.service.ok("PATCH", "/fleets/blue", #"{"name":"\#(name)"}"#) }
            // When this has come, those were read.
            try await stage.send()
            try await stage.receiver.waitFor(1)
            try await stage.service.ok(
                "PATCH", "/webhooks/\(webhook.text("webhook_id"))", #"{"event_types":["fleet.updated"]}"#,
                key: .some(stage.key("blue")))
            try await stage.service.ok("PATCH", "/fleets/blue", #"{"name":"C"}"#)
            try await stage.receiver.waitFor(2)
            #expect(stage.receiver.types == ["message.accepted", "fleet.updated"])
            #expect(stage.receiver.requests.last?.event["data"]?.objectValue?.text("name") == "C")
        }
    }

    @Test("whose filter is changed misses nothing that comes at once")
    func filterAtOnce() async throws {
        try await WebhookStage.run { stage in
            let path = "/webhooks/" + (try await stage.register().text("webhook_id"))
            var (count, renamed) = (0, 0)
            for number in 1...30 {
                try await stage.service.ok("PATCH", path, #"{"event_types":["message.accepted"]}"#)
                try await stage.send()
                count += 1
                try await stage.receiver.waitFor(count)
                // Where both are in one batch, whoever reads the log sees both before it can be told of the change.
                async let change = stage.service.ok("PATCH", path, #"{"event_types":["fleet.updated"]}"#)
                async let rename = stage.service.ok("PATCH", "/fleets/blue", #"{"name":"Name \#(number)"}"#)
                let positions = try await [change, rename].compactMap {
                    $0.headers["event-position"].flatMap { Int($0) }
                }
                try #require(positions.count == 2)
                guard positions[0] < positions[1] else { continue }
                (count, renamed) = (count + 1, renamed + 1)
                try await stage.receiver.waitFor(count)
            }
            #expect(renamed > 0)
        }
    }
}
