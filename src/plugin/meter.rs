//! How much memory a script takes: the allocator keeps a balance for each thread, which the thread of a script looks at.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

thread_local! {
    static BALANCE: Cell<isize> = const { Cell::new(0) };
}

/// An allocator that keeps the balance beside its work, which is one addition.
pub struct Metered<A>(pub A);

/// Bytes that this thread has taken, less those that it gave back. Only differences mean anything: what one thread takes
/// another may give back.
pub fn balance() -> isize {
    BALANCE.get()
}

fn book(bytes: isize) {
    BALANCE.set(BALANCE.get().wrapping_add(bytes));
}

// SAFETY: the work is done by the allocator inside, with the same arguments. The balance has no destructor and is
// initialised by a constant, so that no call here allocates.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Metered<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        book(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        book(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        book(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        book(size as isize - layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}
