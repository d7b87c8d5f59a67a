namespace AkkaRegenCache.Notifications;

/// <summary>The notifications that a cache's external store carries, possibly beside others.</summary>
/// <param name="Bus">The bus that carries them.</param>
internal sealed record StoreNotifications(INotificationBus Bus);
