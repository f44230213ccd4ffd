import CRdKafka

/// What the brokers, or the library that talks to them, complain of.
package struct KafkaError: Error, CustomStringConvertible {
    let code: rd_kafka_resp_err_t
    /// In the words of the library; it names brokers and topics, and no secret.
    let text: String

    init(_ code: rd_kafka_resp_err_t, _ text: String? = nil) {
        self.code = code
        self.text = text ?? String(cString: rd_kafka_err2str(code))
    }

    package var description: String {
        switch code {
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            "the brokers refuse the credentials: \(text)"
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM: "the brokers do not know the SASL mechanism: \(text)"
        case RD_KAFKA_RESP_ERR__SSL: "TLS with the brokers fails: \(text)"
        case _ where isOfPermission:
            "the brokers do not permit it: \(text)"
        case _ where isOfAge:
            "the brokers are too old; Kafka 2.8 or newer is needed: \(text)"
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE:
            "no broker can be reached: \(text)"
        case RD_KAFKA_RESP_ERR__TIMED_OUT: "the brokers do not answer: \(text)"
        default: text
        }
    }

    /// Whether the brokers do not let the user do it.
    var isOfPermission: Bool {
        code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
    }

    /// Whether the brokers do not know what is asked of them.
    var isOfAge: Bool {
        code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION
    }

    /// Whether it is the connection that fails, which the library tells of again and again while it tries.
    var isOfConnection: Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__PURGE_QUEUE,
            RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY:
            true
        default: false
        }
    }
}
