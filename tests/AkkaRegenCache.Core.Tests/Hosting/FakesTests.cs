using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Moq;
using NSubstitute;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>D-row "testable": the cache is faked as any interface is, with the usual libraries; and the class is there for who wants its speed.</summary>
public sealed class FakesTests
{
    private static readonly Func<int, CancellationToken, ValueTask<string>> s_generator = static (number, _) => new ValueTask<string>("made " + number);

    [Fact]
    [SuppressMessage("Reliability", "CA2012", Justification = "That is how a substitute is told what to answer.")]
    public async Task A_substitute_answers_what_it_is_told_and_tells_what_it_was_asked()
    {
        var cache = Substitute.For<IRegenCache>();
        cache.GetOrCreateAsync("key", 7, Arg.Any<Func<int, CancellationToken, ValueTask<string>>>()).Returns(new ValueTask<string>("faked"));
        cache.TryGetAsync<string>("key").Returns(new ValueTask<CacheResult<string>>(default(CacheResult<string>)));

        Assert.Equal("faked", await cache.GetOrCreateAsync("key", 7, s_generator));
        Assert.False((await cache.TryGetAsync<string>("key")).Found);
        await cache.Received(1).GetOrCreateAsync("key", 7, s_generator);
        await cache.DidNotReceive().RemoveAsync("key");
    }

    [Fact]
    public async Task A_mock_answers_by_running_the_generator()
    {
        var cache = new Mock<IRegenCache>(MockBehavior.Strict);
        cache.Setup(c => c.GetOrCreateAsync("key", It.IsAny<int>(), It.IsAny<Func<int, CancellationToken, ValueTask<string>>>(), null, default))
            .Returns((string _, int state, Func<int, CancellationToken, ValueTask<string>> generator, RegenEntryOptions? _, CancellationToken ct) => generator(state, ct));

        Assert.Equal("made 7", await cache.Object.GetOrCreateAsync("key", 7, s_generator));
        cache.Verify(c => c.GetOrCreateAsync("key", 7, s_generator, null, default), Times.Once);
    }

    [Fact]
    public async Task The_class_and_the_interface_are_one_cache()
    {
        var services = new ServiceCollection();
        services.AddRegenCache("catalog");
        services.AddRegenCache("prices");
        await using var provider = services.BuildServiceProvider();

        Assert.Same(provider.GetRequiredService<IRegenCache>(), provider.GetRequiredService<RegenCache>());
        Assert.Same(provider.GetRequiredKeyedService<IRegenCache>("catalog"), provider.GetRequiredService<RegenCache>());
        Assert.Same(provider.GetRequiredKeyedService<IRegenCache>("prices"), provider.GetRequiredKeyedService<RegenCache>("prices"));
        Assert.NotSame(provider.GetRequiredService<RegenCache>(), provider.GetRequiredKeyedService<RegenCache>("prices"));
    }
}
