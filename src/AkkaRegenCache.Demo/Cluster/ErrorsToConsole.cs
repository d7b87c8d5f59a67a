namespace AkkaRegenCache.Demo.Cluster;

/// <summary>Writes what goes wrong in a node, and nothing less, to the standard error stream, in a line each.</summary>
internal sealed class ErrorsToConsole : ILoggerProvider, ILogger
{
    /// <summary>Whether nobody hears it any more, as of a process that was killed.</summary>
    public bool IsMute { get; set; }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => !IsMute && logLevel >= LogLevel.Error && logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        // That a connection broke is the show itself, and no error.
        if (IsEnabled(logLevel) && exception?.GetType().Name is not "EndpointDisassociatedException")
            Console.Error.WriteLine($"{logLevel}: {formatter(state, exception).Split('\n')[0]}");
    }

    public void Dispose()
    {
    }
}
