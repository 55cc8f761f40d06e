//! The first process of each pod: it holds the pod's network, and waits for its end by a signal that nobody can
//! refuse.

fn main() -> ! {
    loop {
        std::thread::park();
    }
}
