using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Web;

/// <summary>Each cache of an application is asked under its own key.</summary>
public sealed class KeysTests
{
    [Fact]
    public async Task Two_caches_of_a_host_are_asked_under_their_own_keys()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRegenCache("first").UseCluster();
        builder.Services.AddRegenCache("second").UseCluster();
        builder.Services.AddAkka("keys", akka => akka
            .AddHocon(TestConfig.Node, HoconAddMode.Prepend)
            .WithRemoting("127.0.0.1", 0)
            .WithClustering()
            .WithRegenCache("first")
            .WithRegenCache<SecondKey>("second"));
        using var host = builder.Build();
        await host.StartAsync();
        var first = await host.Services.GetRequiredService<IRequiredActor<RegenCacheKey>>().GetAsync();
        var second = await host.Services.GetRequiredService<IRequiredActor<SecondKey>>().GetAsync();

        // Nobody has used the cache yet: its agent makes it.
        Assert.True((await second.AskCacheAsync(new CacheSet<string>("greeting", "hello"), Eventually.Patience)).Change!.Value is { Token: > 0 } or { IsPending: true });

        Assert.Equal("hello", (await second.AskCacheAsync(new CacheTryGet<string>("greeting"), Eventually.Patience)).As<string>());
        Assert.Equal("hello", (await host.Services.GetRequiredKeyedService<IRegenCache>("second").TryGetAsync<string>("greeting")).Value);
        Assert.Equal(CacheReplyKind.NotFound, (await first.AskCacheAsync(new CacheTryGet<string>("greeting"), Eventually.Patience)).Kind);
        await host.StopAsync();
    }

    private sealed class SecondKey;
}
