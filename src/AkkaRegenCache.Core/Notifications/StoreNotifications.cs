namespace AkkaRegenCache.Notifications;

/// <summary>The notifications that a cache's external store carries, whether they are the cache's only ones or not.</summary>
/// <param name="Bus">What carries them.</param>
internal sealed record StoreNotifications(INotificationBus Bus);
