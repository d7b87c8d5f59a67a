using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

public sealed class RegistrationTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Redis_carries_the_notifications_unless_the_cache_is_in_a_cluster_which_does(bool isInCluster)
    {
        var services = new ServiceCollection();
        var builder = services.AddRegenCache("catalog");
        if (isInCluster)
            builder.UseStoreDecorator(_ => throw new InvalidOperationException("not needed here"));

        builder.UseRedis("127.0.0.1:1");

        Assert.Contains(services, s => s.IsKeyedService && s.ServiceType == typeof(IExternalStore));
        Assert.Equal(!isInCluster, services.Any(s => s.IsKeyedService && s.ServiceType == typeof(INotificationBus)));
    }
}
