//! Room for those who ask: of many connections the one that has been idle or slow for longest goes.

use std::cell::RefCell;
use std::rc::Rc;

use crate::visit::Visit;

/// The connections of one worker of a listener, of which no more than a few may stand about.
#[derive(Debug)]
pub(crate) struct Room {
    seats: usize,
    visits: RefCell<Vec<Rc<Visit>>>,
}

impl Room {
    pub(crate) const fn new(seats: usize) -> Self {
        Self {
            seats,
            visits: RefCell::new(Vec::new()),
        }
    }

    /// Lets a connection in. Where no seat is free, the one that has not got on for longest ends, unless
    /// a request of it is being worked on.
    pub(crate) fn enter(self: &Rc<Self>, visit: &Rc<Visit>) -> Seat {
        let mut visits = self.visits.borrow_mut();
        if visits.len() >= self.seats {
            let idle = visits.iter().enumerate();
            let idle = idle.filter(|(_, visit)| !visit.is_in_work());
            let oldest = idle.min_by_key(|(_, visit)| visit.last_progress());
            if let Some((at, _)) = oldest {
                visits.swap_remove(at).make_room();
            }
        }
        visits.push(Rc::clone(visit));
        Seat {
            room: Rc::clone(self),
            visit: Rc::clone(visit),
        }
    }
}

/// The seat of a connection, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Rc<Room>,
    visit: Rc<Visit>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut visits = self.room.visits.borrow_mut();
        visits.retain(|visit| !Rc::ptr_eq(visit, &self.visit));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_http::RequestHead;

    use super::*;
    use crate::peer::Ingress;

    #[test]
    fn the_one_that_has_not_got_on_for_longest_makes_room_and_never_one_at_work() {
        let room = Rc::new(Room::new(3));
        let visit = || Rc::new(Visit::new(Ingress::Health, Duration::ZERO));
        let visits = [visit(), visit(), visit()];
        let _seats = visits.each_ref().map(|visit| room.enter(visit));
        let is_cut = || visits.each_ref().map(|visit| visit.is_cut());
        assert_eq!(is_cut(), [false; 3]);
        let [working, active, idle] = &visits;
        working.begin_work(&RequestHead::default());
        active.note_progress();
        let fourth = visit();
        let seat = room.enter(&fourth);
        assert_eq!(is_cut(), [false, false, true], "{idle:?}");
        drop(seat);
        let fifth = visit();
        let _seat = room.enter(&fifth);
        assert_eq!(is_cut(), [false, false, true], "there was a free seat");
    }
}
