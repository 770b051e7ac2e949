// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! The Tokio peer: a task is an actor, an unbounded channel is its mailbox.
//!
//!     bench WORKLOAD SIZE...

mod crowds;
mod fairness;
mod latency;
mod load;
mod messages;
mod report;
mod services;
mod threads;

use report::check;
use tokio::runtime::{Builder, Runtime};

type Workload = fn(&Runtime, &[i64]);

const WORKLOADS: &[(&str, usize, Workload)] = &[
    ("pingpong", 1, messages::pingpong),
    ("counting", 1, messages::counting),
    ("ring", 3, messages::ring),
    ("ring100", 3, messages::ring),
    ("forkjoin-create", 1, crowds::forkjoin_create),
    ("forkjoin-throughput", 2, crowds::forkjoin_throughput),
    ("big", 2, crowds::big),
    ("chameneos", 2, crowds::chameneos),
    ("mailbox-contention", 2, messages::mailbox_contention),
    ("idle-memory", 1, crowds::idle_memory),
    ("ask", 1, services::ask),
    ("ask-in-actor", 1, services::ask_in_actor),
    ("restart", 1, services::restart),
    ("timers", 1, services::timers),
    ("latency-idle", 1, latency::idle),
    ("latency-loaded", 1, latency::loaded),
    ("latency-stuck", 1, latency::stuck),
    ("fairness", 1, fairness::fairness),
    ("inject", 1, threads::inject),
    ("groups", 2, messages::groups),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("", String::as_str);
    match WORKLOADS.iter().find(|(known, _, _)| *known == name) {
        Some((_, size_count, run)) => {
            let sizes: Vec<i64> = arguments[1..].iter().map(|n| n.parse().unwrap()).collect();
            check(sizes.len() == *size_count, "number of sizes");
            run(&runtime(name), &sizes);
            std::process::exit(0); // do not wait for actors that are idle
        }
        None => {
            eprintln!("not written for Tokio: {name}");
            std::process::exit(3);
        }
    }
}

/// The default of Tokio: one worker per processor, unless BENCH_THREADS is set.
fn runtime(workload: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    if let Ok(threads) = std::env::var("BENCH_THREADS") {
        builder.worker_threads(threads.parse().unwrap());
    }
    if workload == "timers" {
        builder.enable_time(); // the others run without its cost
    }
    builder.build().unwrap()
}
