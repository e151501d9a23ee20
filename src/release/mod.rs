//! Change and recovery on the host. For the time being: rolling published files back to an earlier revision.

mod rollback;

pub use rollback::Rollback;
pub use rollback::RollbackFault;
pub use rollback::active;
pub use rollback::release;
pub use rollback::roll_back;
