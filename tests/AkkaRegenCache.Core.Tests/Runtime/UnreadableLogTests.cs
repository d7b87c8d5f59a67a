using AkkaRegenCache.Runtime;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

public sealed class UnreadableLogTests
{
    private readonly LogLines _log = new();

    [Fact]
    public async Task A_value_that_cannot_be_read_is_told_once_for_each_kind_of_key_and_type()
    {
        await using var cache = new RegenCache("told", logger: _log);
        for (var i = 0; i < 5; i++)
        {
            await cache.SetAsync($"users:{i}", "no number");
            await cache.SetAsync($"orders:{i}", "no number");
            Assert.False((await cache.TryGetAsync<int>($"users:{i}")).Found);
            Assert.False((await cache.TryGetAsync<int>($"orders:{i}")).Found);
            Assert.False((await cache.TryGetAsync<Guid>($"users:{i}")).Found);
        }

        var lines = _log.Of(LogLevel.Warning);
        Assert.Equal(3, lines.Count);
        Assert.Contains(lines, line => line.Contains("'users:0'", StringComparison.Ordinal) && line.Contains("System.Int32", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("'orders:0'", StringComparison.Ordinal) && line.Contains("System.Int32", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("'users:0'", StringComparison.Ordinal) && line.Contains("System.Guid", StringComparison.Ordinal));
    }

    [Fact]
    public void Keys_from_anywhere_do_not_fill_the_process()
    {
        var log = new UnreadableLog(_log, "told");
        for (var i = 0; i < 5000; i++)
            log.Tell($"{i}", typeof(int), new InvalidOperationException("planted"));
        Assert.Equal(1000, _log.Of(LogLevel.Warning).Count);
    }
}
