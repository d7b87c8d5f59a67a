using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>Which of a server's errors say that it is there and refuses.</summary>
public sealed class RedisErrorsTests
{
    [Theory]
    [InlineData("OOM command not allowed when used memory > 'maxmemory'.")]
    [InlineData("OOM command not allowed when used memory > 'maxmemory'. script: 5a1, on @user_script:20.")]
    [InlineData("ERR Error running script (call to f_5a1): @user_script:20: @user_script: 20: -OOM command not allowed when used memory > 'maxmemory'. ")]
    [InlineData("ERR user_script:20: OOM command not allowed when used memory > 'maxmemory'. script: 5a1, on @user_script:20.")]
    [InlineData("READONLY You can't write against a read only replica.")]
    [InlineData("READONLY You can't write against a read only slave.")]
    [InlineData("ERR Error running script (call to f_5a1): @user_script:20: @user_script: 20: -READONLY You can't write against a read only replica. ")]
    [InlineData("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.")]
    [InlineData("NOREPLICAS Not enough good replicas to write.")]
    [InlineData("NOPERM this user has no permissions to run the 'evalsha' command")]
    [InlineData("ERR The user executing the script can't run this command or subcommand script: 1a2b, on @user_script:12.")]
    [InlineData("WRONGTYPE Operation against a key holding the wrong kind of value")]
    [InlineData("CROSSSLOT Keys in request don't hash to the same slot")]
    public void It_is_there_and_refuses(string message) => Assert.True(RedisErrors.IsRefusal(message));

    [Theory]
    [InlineData("LOADING Redis is loading the dataset in memory")]
    [InlineData("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")]
    [InlineData("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")]
    [InlineData("CLUSTERDOWN The cluster is down")]
    [InlineData("TRYAGAIN Multiple keys request during rehashing of slot")]
    [InlineData("MOVED 3999 127.0.0.1:6381")]
    [InlineData("NOAUTH Authentication required.")]
    [InlineData("WRONGPASS invalid username-password pair or user is disabled.")]
    [InlineData("NOSCRIPT No matching script. Please use EVAL.")]
    [InlineData("ERR max number of clients reached")]
    [InlineData("ERR unknown command 'EVALSHA'")]
    [InlineData("ERR Error running script (call to f_5a1): @user_script:20: attempt to index a nil value")]
    [InlineData("ERR the key is called : OOM here, by chance")]
    [InlineData("OOMPH")]
    [InlineData("")]
    public void It_can_not_serve_now(string message) => Assert.False(RedisErrors.IsRefusal(message));
}
