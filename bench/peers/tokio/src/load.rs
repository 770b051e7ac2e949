// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! A load beside which something else is measured: work of a known length, pairs that play until
//! they are halted.

use crate::report::check;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// Keeps the compiler from knowing a value.
fn unknown<T: Copy>(value: T) -> T {
    unsafe { std::ptr::read_volatile(&value) }
}

/// A chain of dependent multiplications.
pub fn work(rounds: i64) -> u64 {
    let mut x = 1u64;
    for _ in 0..rounds {
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
    }
    unknown(x)
}

/// The rounds of work that take `ns`.
pub fn work_rounds(ns: i64) -> i64 {
    let rounds = 10_000_000;
    let took = || {
        let start = Instant::now();
        work(unknown(rounds));
        start.elapsed().as_nanos() as i64
    };
    let best = (0..5).map(|_| took()).min().unwrap();
    ns * rounds / best
}

pub struct Chat {
    halted: Arc<AtomicBool>,
    pairs: Vec<[JoinHandle<i64>; 2]>,
}

impl Chat {
    /// Returns when all play.
    pub fn start(runtime: &Runtime, pairs: usize, work: i64) -> Chat {
        let halted = Arc::new(AtomicBool::new(false));
        let started = Arc::new(AtomicI64::new(0));
        let spawn = |mailbox, partner| {
            let (halted, started) = (halted.clone(), started.clone());
            runtime.spawn(async move {
                started.fetch_add(1, Relaxed);
                play(mailbox, partner, work, halted).await
            })
        };
        let all: Vec<_> = (0..pairs)
            .map(|_| {
                let (to_first, first) = unbounded_channel();
                let (to_second, second) = unbounded_channel();
                let _ = to_first.send(());
                [spawn(first, to_second), spawn(second, to_first)]
            })
            .collect();
        // Busy workers seldom look at what a thread has spawned.
        while started.load(Relaxed) < 2 * pairs as i64 {
            std::thread::sleep(Duration::from_millis(1));
        }
        Chat { halted, pairs: all }
    }

    /// Halts all pairs; how many balls were played until then.
    pub fn halt(self, runtime: &Runtime) -> i64 {
        self.halted.store(true, Relaxed);
        let mut balls = 0;
        for [first, second] in self.pairs {
            let first = runtime.block_on(first).unwrap();
            let second = runtime.block_on(second).unwrap();
            check((first - second).abs() <= 1, "each got what the other sent");
            balls += first + second;
        }
        balls
    }
}

async fn play(
    mut mailbox: UnboundedReceiver<()>,
    partner: UnboundedSender<()>,
    rounds: i64,
    halted: Arc<AtomicBool>,
) -> i64 {
    let mut balls = 0;
    // Ends when halted, or when the partner has.
    while mailbox.recv().await.is_some() {
        balls += 1;
        work(rounds);
        if halted.load(Relaxed) {
            break;
        }
        let _ = partner.send(());
    }
    balls
}
