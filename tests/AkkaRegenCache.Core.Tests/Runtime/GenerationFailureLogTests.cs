using AkkaRegenCache.Protocol;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A generation that fails is told, also where nobody waits for it; a burst doesn't flood the log.</summary>
public sealed class GenerationFailureLogTests
{
    private static readonly RegenEntryOptions s_everySecond = new()
    {
        RegenerationInterval = TimeSpan.FromSeconds(1),
        InactiveRetention = TimeSpan.FromMinutes(1),
        ExpiryTolerance = TimeSpan.FromMinutes(1),
    };

    private readonly LogLines _log = new();

    [Fact]
    public async Task A_background_generation_that_fails_is_told_with_key_node_attempt_next_try_and_reason()
    {
        var time = new VirtualTimeProvider();
        await using var cache = new RegenCache("told", null, null, null, timeProvider: time, logger: _log);
        var fails = false;
        Assert.Equal(1, await cache.GetOrCreateAsync("key", _ => fails ? throw new TimeZoneNotFoundException("no zone") : new ValueTask<int>(1), s_everySecond));
        await cache.QuietAsync();
        fails = true;
        for (var i = 0; i < 400 && _log.Of(LogLevel.Warning).Count < 2; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            await cache.QuietAsync();
        }

        var lines = _log.Of(LogLevel.Warning);
        Assert.All(lines, line =>
        {
            Assert.Contains("'key'", line, StringComparison.Ordinal);
            Assert.Contains(cache.NodeId, line, StringComparison.Ordinal);
            Assert.Contains("System.TimeZoneNotFoundException: no zone", line, StringComparison.Ordinal);
            Assert.Matches(@"the next try comes in \d+\.\d s", line);
        });
        Assert.Contains("attempt 1)", lines[0], StringComparison.Ordinal);
        Assert.Contains("attempt 2)", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_generator_that_uses_what_was_disposed_is_told_with_the_mend()
    {
        await using var cache = new RegenCache("told", logger: _log);
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            cache.GetOrCreateAsync<int>("key", _ => throw new ObjectDisposedException("ShopContext")).AsTask());
        await cache.QuietAsync();
        Assert.Single(_log.Of(LogLevel.Warning), line =>
            line.Contains("ShopContext", StringComparison.Ordinal) && line.Contains("IServiceScopeFactory", StringComparison.Ordinal));
    }

    [Fact]
    public void A_burst_of_failures_is_ten_lines_and_a_count_and_the_next_burst_again()
    {
        var log = new GenerationFailureLog(_log, "told", "n1");
        var failed = new GenerationFailedHere("key", ClaimReason.Due, 1, null, GenerationFailure.From(new InvalidOperationException("no")));
        for (var burst = 1; burst <= 2; burst++)
        {
            var now = TimeSpan.FromMinutes(burst).Ticks;
            for (var i = 0; i < 100; i++)
                log.Tell(failed, now);
            log.TellRest(now);
            Assert.Equal(10, _log.Lines.Count);
            log.TellRest(now + TimeSpan.FromSeconds(10).Ticks);
            Assert.Equal(11, _log.Lines.Count);
            Assert.Contains("90 further", _log.Lines.Last().Text, StringComparison.Ordinal);
            _log.Lines.Clear();
        }
    }
}
