using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>Keeps what a cache logs. Thread-safe.</summary>
internal sealed class LogLines : ILogger<RegenCache>
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

    public List<string> Of(LogLevel level) => [.. Lines.Where(line => line.Level == level).Select(line => line.Text)];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception)));
}
