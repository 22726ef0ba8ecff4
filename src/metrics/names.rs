//! Every metric that is served. chatd(8) has the same table, and the dashboard draws from it; tests hold them together.

use super::text::{Family, Kind};

macro_rules! families {
    ($($id:ident $name:literal $kind:ident $help:literal;)*) => {
        $(pub static $id: Family = Family { name: $name, kind: Kind::$kind, help: $help };)*

        #[cfg(test)]
        pub static ALL: &[&Family] = &[$(&$id),*];
    };
}

families! {
    BUILD "chatd_build_info" Gauge "Always 1; the version is the label.";
    CONNECTIONS "chatd_connections" Gauge "Connections that were let in, by transport.";
    STREAMS "chatd_streams" Gauge "Open TCP and Unix streams, whatever they carry.";
    USERS "chatd_users" Gauge "Users with a connection.";
    ROOMS "chatd_rooms" Gauge "Conversations that somebody here is in.";
    HANDSHAKES "chatd_handshakes_total" Counter "Clients let in (ok) or refused, by outcome.";
    TURNED_AWAY "chatd_connections_refused_total" Counter "Sessions refused before the handshake: too many, or too fast.";
    EVENTS "chatd_events_total" Counter "Events of clients that were answered, by kind and outcome.";
    LATENCY "chatd_event_duration_seconds" Times "From the receipt of an event that was done to its answer.";
    LIMITED "chatd_rate_limited_total" Counter "Events and connects over a limit.";
    MESSAGES "chatd_messages_total" Counter "Messages that were stored.";
    ACKNOWLEDGED "chatd_message_ack_seconds" Times "From the receipt of a message to its acknowledgement.";
    HANDED_OVER "chatd_message_handover_seconds" Times "From the receipt of a message to its hand-over to the last device.";
    FAN_OUT "chatd_message_fanout_devices" Sizes "Devices of one message.";
    DELIVERIES "chatd_deliveries_total" Counter "Packets handed to devices because something happened.";
    EVICTIONS "chatd_evictions_total" Counter "Connections that the server ended, by reason.";
    RESYNCS "chatd_resyncs_total" Counter "Devices that read too slowly and were told what they missed.";
    BEHIND "chatd_connections_behind" Gauge "Devices that miss something at this moment.";
    QUEUED "chatd_queue_depth" Gauge "What waits, by queue.";
    UNSENT "chatd_send_buffer_bytes" Gauge "Bytes that wait for devices to read them.";
    RECEIVED "chatd_network_receive_bytes_total" Counter "Bytes read from clients, within TLS.";
    SENT "chatd_network_transmit_bytes_total" Counter "Bytes written to clients, within TLS.";
    COMMITS "chatd_store_commit_seconds" Times "How long a commit took, with the work that went into it.";
    BATCHES "chatd_store_batch_writes" Sizes "Writes of one commit.";
    FAILURES "chatd_store_commit_failures_total" Counter "Commits that failed.";
    STORE_SIZE "chatd_store_size_bytes" Gauge "The database and its log.";
    WRITABLE "chatd_store_writable" Gauge "1 while the store takes writes.";
    PLUGIN_CALLS "chatd_plugin_calls_total" Counter "Calls of plugins, by plugin and hook.";
    PLUGIN_ERRORS "chatd_plugin_errors_total" Counter "Calls of plugins that failed.";
    PLUGIN_TIME "chatd_plugin_duration_seconds_total" Counter "Time that calls of plugins took.";
    PLUGIN_BENCHED "chatd_plugin_benched" Gauge "1 while a plugin is left out because it failed.";
    API_REQUESTS "chatd_api_requests_total" Counter "Requests to the API, by route and outcome.";
    API_LATENCY "chatd_api_request_seconds" Times "From the receipt of a request to the API to its answer.";
    WEBHOOK_ATTEMPTS "chatd_webhook_attempts_total" Counter "Requests to webhooks, by webhook and outcome.";
    WEBHOOK_GIVEN_UP "chatd_webhook_given_up_total" Counter "Events that a webhook did not take for too long.";
    WEBHOOK_TIME "chatd_webhook_duration_seconds_total" Counter "Time that requests to webhooks took.";
    WEBHOOK_UP "chatd_webhook_up" Gauge "1 while a webhook takes events; 0 while it is down, paused or gone.";
    WEBHOOK_WAITING "chatd_webhook_queue_depth" Gauge "Events that a webhook has yet to take, of some seconds ago.";
    WEBHOOK_OLDEST "chatd_webhook_oldest_seconds" Gauge "The age of the first of them.";
    WEBHOOK_DROPPED "chatd_webhook_dropped_total" Counter "Events dropped because the outbox was full.";
    CPU "process_cpu_seconds_total" Counter "User and system time of the process.";
    RESIDENT "process_resident_memory_bytes" Gauge "Memory in use.";
    VIRTUAL "process_virtual_memory_bytes" Gauge "Address space in use.";
    OPEN_FILES "process_open_fds" Gauge "Open file descriptors.";
    MAX_FILES "process_max_fds" Gauge "File descriptors that may be open.";
    STARTED "process_start_time_seconds" Gauge "When the process began, in seconds since 1970.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_is_the_custom() {
        for family in ALL {
            let ending = |end| family.name.ends_with(end);
            assert_eq!(ending("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(family.kind != Kind::Times || ending("_seconds"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
