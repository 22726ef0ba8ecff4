//! Tokens that count no more before their time: one, or all that a user has.

use crate::chat::Chat;
use crate::domain::error::Error;
use crate::domain::id::UserId;
use crate::domain::time::Time;

impl Chat {
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn revoke_token(&self, id: String, expires_at: Option<Time>) -> Result<(), Error> {
        let _order = self.sanctions.order.lock().await;
        let (kept, now) = (id.clone(), Time::now());
        self.store.write(move |tx| Ok(tx.revoke_token(&kept, expires_at, now)?)).await?;
        self.sanctions.revoke(id, expires_at, now);
        Ok(())
    }

    /// Revokes every token of `user` that was issued until now. Tokens say so in whole seconds: one that is issued within
    /// this second is revoked as well.
    ///
    /// # Errors
    /// `UNAVAILABLE`.
    pub async fn revoke_tokens_of(&self, user: &UserId) -> Result<Time, Error> {
        let until = Time::now();
        self.decide(user, |sanction| sanction.tokens_until = Some(until)).await?;
        Ok(until)
    }
}
