// SPDX-License-Identifier: Apache-2.0
// Copyright The Noh Authors

//! Many actors: forkjoin, big, chameneos, idle-memory.

use crate::report::{check, random, report, resident_bytes};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

pub fn forkjoin_create(runtime: &Runtime, n: &[i64]) {
    let actors = n[0];
    let handled = Arc::new(AtomicI64::new(0));
    let counted = handled.clone();
    let took = runtime.block_on(async move {
        let (alive, mut all_ended) = unbounded_channel::<()>();
        let start = Instant::now();
        tokio::spawn(async move {
            for i in 0..actors {
                let (actor, mut mailbox) = unbounded_channel::<i64>();
                let (handled, alive) = (handled.clone(), alive.clone());
                tokio::spawn(async move {
                    mailbox.recv().await.unwrap();
                    handled.fetch_add(1, Relaxed);
                    drop(alive);
                });
                let _ = actor.send(i);
            }
        });
        while all_ended.recv().await.is_some() {} // ends when the last task dropped its sender
        start.elapsed()
    });
    check(
        counted.load(Relaxed) == actors,
        "every actor handled its message",
    );
    report("forkjoin-create", actors, took, "");
}

pub fn forkjoin_throughput(runtime: &Runtime, n: &[i64]) {
    let (actors, each) = (n[0], n[1]);
    let (took, sum) = runtime.block_on(async move {
        let start = Instant::now();
        let (mut senders, mut takers) = (vec![], vec![]);
        for _ in 0..actors {
            let (sender, mailbox) = unbounded_channel();
            senders.push(sender);
            takers.push(tokio::spawn(take(mailbox, each)));
        }
        tokio::spawn(async move {
            for i in 0..each {
                for sender in &senders {
                    let _ = sender.send(i);
                }
            }
        });
        let mut sum = 0;
        for taker in takers {
            sum += taker.await.unwrap();
        }
        (start.elapsed(), sum)
    });
    check(
        sum == actors * each * (each - 1) / 2,
        "sum of what was received",
    );
    report("forkjoin-throughput", actors * each, took, "");
}

async fn take(mut mailbox: UnboundedReceiver<i64>, count: i64) -> i64 {
    let mut sum = 0;
    for _ in 0..count {
        sum += mailbox.recv().await.unwrap();
    }
    sum
}

enum BigMessage {
    Ping(usize),
    Pong,
    Stop,
}

pub fn big(runtime: &Runtime, n: &[i64]) {
    let (actors, pings) = (n[0] as usize, n[1]);
    let (took, served) = runtime.block_on(async move {
        let (finished, mut all_finished) = unbounded_channel();
        let (peers, mailboxes): (Vec<_>, Vec<_>) = (0..actors).map(|_| unbounded_channel()).unzip();
        let peers = Arc::new(peers);
        let start = Instant::now();
        let mut chatters = vec![];
        for (id, mailbox) in mailboxes.into_iter().enumerate() {
            let chatter = chat(id, mailbox, peers.clone(), pings, finished.clone());
            chatters.push(tokio::spawn(chatter));
        }
        for _ in 0..actors {
            all_finished.recv().await.unwrap();
        }
        let took = start.elapsed();
        for peer in peers.iter() {
            let _ = peer.send(BigMessage::Stop);
        }
        let mut served = 0;
        for chatter in chatters {
            served += chatter.await.unwrap();
        }
        (took, served)
    });
    check(served == actors as i64 * pings, "pings served");
    report("big", actors as i64 * pings, took, "");
}

async fn chat(
    id: usize,
    mut mailbox: UnboundedReceiver<BigMessage>,
    peers: Arc<Vec<UnboundedSender<BigMessage>>>,
    mut left: i64,
    finished: UnboundedSender<()>,
) -> i64 {
    let mut seed = (id as u64 + 1) * 0x9E3779B97F4A7C15;
    let mut served = 0;
    ping_somebody(id, &peers, &mut seed);
    while let Some(message) = mailbox.recv().await {
        match message {
            BigMessage::Ping(from) => {
                served += 1;
                let _ = peers[from].send(BigMessage::Pong);
            }
            BigMessage::Pong => {
                left -= 1;
                if left > 0 {
                    ping_somebody(id, &peers, &mut seed);
                } else {
                    let _ = finished.send(());
                }
            }
            BigMessage::Stop => break,
        }
    }
    served
}

fn ping_somebody(id: usize, peers: &[UnboundedSender<BigMessage>], seed: &mut u64) {
    let other = (random(seed) % (peers.len() as u64 - 1)) as usize;
    let other = if other >= id { other + 1 } else { other };
    let _ = peers[other].send(BigMessage::Ping(id));
}

enum CreatureMessage {
    Meet(i32, UnboundedSender<CreatureMessage>),
    Change(i32),
    Fade,
}

enum MallMessage {
    Meet(i32, UnboundedSender<CreatureMessage>),
    Faded(i64),
}

fn complement(a: i32, b: i32) -> i32 {
    if a == b {
        a
    } else {
        3 - a - b
    }
}

pub fn chameneos(runtime: &Runtime, n: &[i64]) {
    let (creatures, meetings) = (n[0], n[1]);
    let (took, met) = runtime.block_on(async move {
        let (mall, mailbox) = unbounded_channel();
        let running = tokio::spawn(run_mall(mailbox, creatures, meetings));
        let start = Instant::now();
        for i in 0..creatures {
            tokio::spawn(live((i % 3) as i32, mall.clone()));
        }
        let met = running.await.unwrap();
        (start.elapsed(), met)
    });
    check(met == 2 * meetings, "meetings");
    report("chameneos", meetings, took, "");
}

async fn run_mall(
    mut mailbox: UnboundedReceiver<MallMessage>,
    mut creatures: i64,
    mut left: i64,
) -> i64 {
    let mut sum = 0;
    let mut waiting: Option<UnboundedSender<CreatureMessage>> = None;
    while creatures > 0 {
        match mailbox.recv().await.unwrap() {
            MallMessage::Faded(met) => {
                sum += met;
                creatures -= 1;
            }
            MallMessage::Meet(_, creature) if left == 0 => {
                let _ = creature.send(CreatureMessage::Fade);
            }
            MallMessage::Meet(color, creature) => match waiting.take() {
                None => waiting = Some(creature),
                Some(first) => {
                    left -= 1;
                    let _ = first.send(CreatureMessage::Meet(color, creature));
                }
            },
        }
    }
    sum
}

async fn live(mut color: i32, mall: UnboundedSender<MallMessage>) {
    let (me, mut mailbox) = unbounded_channel();
    let mut met = 0;
    let _ = mall.send(MallMessage::Meet(color, me.clone()));
    loop {
        match mailbox.recv().await.unwrap() {
            CreatureMessage::Meet(other, partner) => {
                color = complement(color, other);
                let _ = partner.send(CreatureMessage::Change(color));
            }
            CreatureMessage::Change(new) => color = new,
            CreatureMessage::Fade => {
                let _ = mall.send(MallMessage::Faded(met));
                return;
            }
        }
        met += 1;
        let _ = mall.send(MallMessage::Meet(color, me.clone()));
    }
}

pub fn idle_memory(runtime: &Runtime, n: &[i64]) {
    let actors = n[0];
    let handled = Arc::new(AtomicI64::new(0));
    let mut senders: Vec<Option<UnboundedSender<i64>>> = (0..actors).map(|_| None).collect();
    let before = resident_bytes();
    let _context = runtime.enter();
    let start = Instant::now();
    for slot in senders.iter_mut() {
        let (sender, mailbox) = unbounded_channel();
        tokio::spawn(add_up(mailbox, handled.clone()));
        let _ = sender.send(1);
        *slot = Some(sender);
    }
    while handled.load(Relaxed) < actors {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = start.elapsed();
    std::thread::sleep(Duration::from_millis(200));
    check(
        handled.load(Relaxed) == actors,
        "every actor handled its message",
    );
    let per_actor = (resident_bytes() - before) as f64 / actors as f64;
    report(
        "idle-memory",
        actors,
        took,
        &format!(" bytes_per_actor={per_actor:.1}"),
    );
    std::process::exit(0); // with the senders in hand: dropping them would wake every task
}

async fn add_up(mut mailbox: UnboundedReceiver<i64>, sum: Arc<AtomicI64>) {
    while let Some(value) = mailbox.recv().await {
        sum.fetch_add(value, Relaxed);
    }
}
