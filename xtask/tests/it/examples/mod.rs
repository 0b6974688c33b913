//! The examples, as their users build them.

mod images;
